import { describe, expect, it } from 'vitest';
import { findBase } from '../../src/archive/snapshot-base.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { archiveWith, type Image } from '../support/image-archive.ts';

/** What a snapshot of the state at `at` would be built on. */
async function baseOf(at: number, images: readonly Image[]): Promise<number | string | undefined> {
  const { store } = await archiveWith(images);
  const { base, why } = await findBase(store, ARCHIVE_ID, { at, of: 'state', content: 'file' }, 4);
  return base?.header.at ?? why;
}

describe('the base of a snapshot', () => {
  it('is the newest of its kind', async () => {
    expect(await baseOf(50, [{ at: 10 }, { at: 30 }])).toBe(30);
    expect(await baseOf(40, [{ at: 30 }, { at: 35, of: 'journal' }, { at: 50, of: 'journal' }])).toBe(30);
  });

  it('is none below a newer one: a prune may be about to remove what that has superseded', async () => {
    expect(await baseOf(20, [{ at: 10 }, { at: 30 }])).toBe('a newer one is archived already');
    const images: Image[] = [{ at: 10 }, { at: 30 }, { at: 50, of: 'journal' }];
    expect(await baseOf(20, images)).toBe('a newer one is archived already');
  });
});
