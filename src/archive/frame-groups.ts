import type { CallOptions, Store } from '../store/contract.ts';
import { checkStored, type FrameEntry } from './frame.ts';
import { readRange } from './read-range.ts';

/** Neighbouring frames of an object, fetched with one get. */
export interface FrameGroup {
  /** The object. */
  readonly key: string;
  /** Of the first one, among the object's frames. */
  readonly firstIndex: number;
  readonly entries: readonly FrameEntry[];
  /** Where it starts in the object. */
  readonly startByte: number;
  readonly storedBytes: number;
}

/** A group that grows while its neighbours are asked for. */
export class GrowingGroup implements FrameGroup {
  readonly key: string;
  readonly firstIndex: number;
  readonly startByte: number;
  readonly entries: FrameEntry[];
  storedBytes: number;

  constructor(key: string, index: number, entry: FrameEntry, startByte: number) {
    this.key = key;
    this.firstIndex = index;
    this.startByte = startByte;
    this.entries = [entry];
    this.storedBytes = entry[1];
  }

  /** Is frame number `index`, stored in the object at `startByte`, in it now? It grows to `limitBytes` at most. */
  takes(index: number, entry: FrameEntry, limitBytes: number): boolean {
    const next = this.firstIndex + this.entries.length;
    if (index === next && this.storedBytes + entry[1] <= limitBytes) {
      this.entries.push(entry);
      this.storedBytes += entry[1];
      return true;
    }
    return index < next;
  }
}

/** All these frames, which start at `startByte` of an object, in groups of at most `limitBytes` or of one frame. */
export function* groupFrames(
  key: string,
  frames: readonly FrameEntry[],
  startByte: number,
  limitBytes: number,
): Generator<FrameGroup, void, undefined> {
  let group: GrowingGroup | undefined;
  let at = startByte;
  for (const [index, entry] of frames.entries()) {
    if (group?.takes(index, entry, limitBytes) !== true) {
      if (group !== undefined) {
        yield group;
      }
      group = new GrowingGroup(key, index, entry, at);
    }
    at += entry[1];
  }
  if (group !== undefined) {
    yield group;
  }
}

/** A group and the stored bytes of each of its frames. */
export interface FetchedGroup {
  readonly group: FrameGroup;
  readonly frames: readonly Uint8Array[];
}

/**
 * The stored bytes of each frame of a group, all matching their CRCs. May be repeated.
 * @throws RigError as `readRange`, and RIG_CHECKSUM_MISMATCH.
 */
export async function fetchGroup(
  store: Store,
  group: FrameGroup,
  options: CallOptions,
): Promise<FetchedGroup> {
  const { key, startByte, storedBytes } = group;
  const bytes = await readRange(store, key, { startByte, endByte: startByte + storedBytes }, options);
  let at = 0;
  const frames = group.entries.map((entry, index) => {
    const stored = bytes.subarray(at, at + entry[1]);
    at += entry[1];
    checkStored(key, group.firstIndex + index, entry, stored);
    return stored;
  });
  return { group, frames };
}
