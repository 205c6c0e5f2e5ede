import { expect, test } from 'vitest';
import { linkedController } from '../../src/kernel/linked-controller.ts';

test('a linked controller is aborted with the signal, for the same reason', () => {
  const source = new AbortController();
  const linked = linkedController(source.signal);
  expect(linked.signal.aborted).toBe(false);
  source.abort('enough');
  expect(linked.signal.reason).toBe('enough');
});

test('it is aborted from the beginning when the signal is', () => {
  expect(linkedController(AbortSignal.abort('before')).signal.reason).toBe('before');
});

test('it can be aborted alone', () => {
  const source = new AbortController();
  const linked = linkedController(source.signal);
  linked.abort('alone');
  expect(linked.signal.reason).toBe('alone');
  expect(source.signal.aborted).toBe(false);
});

test('the signal means nothing to it once it is unlinked', () => {
  const source = new AbortController();
  const linked = linkedController(source.signal);
  linked.unlink();
  source.abort('enough');
  expect(linked.signal.aborted).toBe(false);
});
