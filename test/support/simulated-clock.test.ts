import { expect, it } from 'vitest';
import { SimulatedClock } from './simulated-clock.ts';

it('passes time only when told, and runs what is due in order', async () => {
  const clock = new SimulatedClock({ startMs: 1_000 });
  const events: string[] = [];
  const wake = async (name: string, durationMs: number) => {
    await clock.sleep(durationMs);
    events.push(`${name} at ${clock.monotonicMs()}`);
  };
  const all = Promise.all([wake('late', 30), wake('early', 10), wake('same', 10)]);
  await clock.settle();
  expect(events).toEqual([]);
  await clock.advance(29);
  expect(events).toEqual(['early at 10', 'same at 10']);
  expect([clock.monotonicMs(), clock.wallMs(), clock.sleeping]).toEqual([29, 1_029, 1]);
  await clock.advance(1);
  await all;
  expect(events.at(-1)).toBe('late at 30');
});

it('runs timers that timers set, within one advance', async () => {
  const clock = new SimulatedClock();
  const ticks: number[] = [];
  const ticking = async () => {
    for (;;) {
      await clock.sleep(100);
      await new Promise((resolve) => setImmediate(resolve));
      ticks.push(clock.monotonicMs());
    }
  };
  void ticking();
  await clock.advance(1_050);
  expect(ticks).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
});

it('rejects a sleep with the reason of its signal, before and while', async () => {
  const clock = new SimulatedClock();
  const reason = new Error('no more');
  await expect(clock.sleep(1, AbortSignal.abort(reason))).rejects.toBe(reason);
  const controller = new AbortController();
  const sleep = clock.sleep(1, controller.signal);
  controller.abort(reason);
  await expect(sleep).rejects.toBe(reason);
  expect(clock.sleeping).toBe(0);
});

it('goes from timer to timer until some work has ended', async () => {
  const clock = new SimulatedClock();
  const work = async () => {
    await clock.sleep(3_600_000);
    await clock.sleep(1);
    return 'done';
  };
  expect(await clock.runUntil(work())).toBe('done');
  expect(clock.monotonicMs()).toBe(3_600_001);
  await expect(clock.runUntil(Promise.reject(new Error('failed')))).rejects.toThrow('failed');
});

it('moves by itself when it is automatic, in the order of the timers', async () => {
  const clock = new SimulatedClock({ automatic: true });
  const order: string[] = [];
  const wake = async (name: string, durationMs: number) => {
    await clock.sleep(durationMs);
    order.push(name);
  };
  await Promise.all([wake('second', 2_000), wake('first', 1_000)]);
  await wake('third', 500);
  expect(order).toEqual(['first', 'second', 'third']);
  expect(clock.monotonicMs()).toBe(2_500);
});

it('jumps the wall clock alone', () => {
  const clock = new SimulatedClock({ startMs: 5 });
  clock.jumpWall(3_600_000);
  expect([clock.wallMs(), clock.monotonicMs()]).toEqual([3_600_005, 0]);
});
