import { describe, expect, it } from 'vitest';
import { ownRoom, release } from '../../src/kernel/memory.ts';

describe('release', () => {
  it('gives back memory that a view has to itself', () => {
    const bytes = Buffer.allocUnsafeSlow(100);
    release(bytes);
    expect(bytes).toHaveLength(0);
    release(bytes); // nothing is left
  });

  it('leaves a view of somebody else’s memory alone', () => {
    const owner = Buffer.allocUnsafeSlow(100);
    release(owner.subarray(0, 99));
    release(owner.subarray(1));
    expect(owner).toHaveLength(100);
  });

  it('gives back the room behind a view that owns it, and nothing for a part of that view', () => {
    const bytes = Buffer.allocUnsafeSlow(100).subarray(0, 90);
    ownRoom(bytes);
    release(bytes.subarray(0, 50));
    expect(bytes).toHaveLength(90);
    release(bytes);
    expect(bytes.buffer.byteLength).toBe(0);
  });
});
