import { describe, expect, test } from 'vitest';
import { Pause } from '../../src/journal/pause.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

function setUp() {
  const clock = new SimulatedClock();
  return { clock, pause: new Pause(clock), controller: new AbortController() };
}

describe('Pause.wait', () => {
  test('lasts as long as it may when no hint comes', async () => {
    const { clock, pause, controller } = setUp();
    await clock.runUntil(pause.wait(300, controller.signal));
    expect(clock.monotonicMs()).toBe(300);
  });

  test('lasts no longer than 5 ms when a hint came before', async () => {
    const { clock, pause, controller } = setUp();
    pause.hint();
    await clock.runUntil(pause.wait(300, controller.signal));
    expect(clock.monotonicMs()).toBe(5);
  });

  test('ends on a hint, and lasts its time again once the hint is cleared', async () => {
    const { clock, pause, controller } = setUp();
    const first = pause.wait(300, controller.signal);
    await clock.advance(100);
    pause.hint();
    await first;
    pause.clear();
    await clock.runUntil(pause.wait(300, controller.signal));
    expect(clock.monotonicMs()).toBe(400);
  });

  test('lasts less than 5 ms when it may not last longer, whatever hints come', async () => {
    const { clock, pause, controller } = setUp();
    pause.hint();
    await clock.runUntil(pause.wait(2, controller.signal));
    expect(clock.monotonicMs()).toBe(2);
  });

  test.each([1, 100])('rejects when it is aborted after %i ms', async (afterMs) => {
    const { clock, pause, controller } = setUp();
    const outcome = expect(pause.wait(300, controller.signal)).rejects.toThrow('enough');
    await clock.advance(afterMs);
    controller.abort(new Error('enough'));
    await outcome;
    expect(clock.sleeping).toBe(0);
  });

  test('rejects when it is aborted just as its first 5 ms are over', async () => {
    const { clock, controller } = setUp();
    const pause = new Pause({
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: async (durationMs) => {
        expect(durationMs).toBe(5);
        controller.abort(new Error('enough'));
      },
    });
    pause.hint();
    await expect(pause.wait(300, controller.signal)).rejects.toThrow('enough');
  });

  test('lasts 5 ms although a hint comes sooner', async () => {
    const { clock, pause, controller } = setUp();
    const waiting = pause.wait(300, controller.signal);
    await clock.advance(2);
    pause.hint();
    await clock.runUntil(waiting);
    expect(clock.monotonicMs()).toBe(5);
  });

  test('rejects when it was aborted before', async () => {
    const { pause, controller } = setUp();
    controller.abort(new Error('enough'));
    await expect(pause.wait(300, controller.signal)).rejects.toThrow('enough');
  });

  test('leaves nothing behind on the signal', async () => {
    const { clock, pause, controller } = setUp();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    await clock.runUntil(pause.wait(300, signal));
    expect(listeners).toBe(0);
  });
});
