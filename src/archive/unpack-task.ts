import { startSha256 } from '../kernel/digest.ts';
import { fillNow } from '../kernel/filesystem.ts';
import { release } from '../kernel/memory.ts';
import { type BatchHead, checkPayload, type StoredBatch } from './batch-object.ts';
import { codecNamed } from './codec.ts';
import type { CompressionName } from './compression.ts';
import { damaged } from './damage.ts';
import { decompressFrameNow } from './frame.ts';
import type { FilePlace } from './unpacker.ts';

/** A batch on its way to a thread, which can be told data and no functions. */
export interface UnpackTask {
  readonly key: string;
  readonly header: BatchHead['header'];
  readonly codec: CompressionName;
  /** Taken over. */
  readonly frames: readonly Uint8Array[];
  readonly place: FilePlace;
}

export function unpackTask({ head, frames }: StoredBatch, place: FilePlace): UnpackTask {
  return { key: head.key, header: head.header, codec: head.codec.name, frames, place };
}

/**
 * Writes a batch's payload to its place on this thread, a frame in each step, and checks it in the last one. Errors as
 * those of {@link BatchUnpacker.unpack}.
 */
export function* unpackSteps({
  key,
  header,
  codec: name,
  frames,
  place,
}: UnpackTask): Generator<void, void, undefined> {
  const codec = codecNamed(name);
  const payload = startSha256();
  let { positionBytes } = place;
  for (const [index, entry] of header.frames.entries()) {
    const stored = frames[index];
    if (stored === undefined) {
      throw damaged(key, `it has no frame ${index}`);
    }
    const bytes = decompressFrameNow(key, index, entry, stored, codec);
    release(stored);
    payload.update(bytes);
    fillNow(place.descriptor, bytes, positionBytes);
    positionBytes += bytes.length;
    release(bytes);
    yield;
  }
  checkPayload({ key, header }, payload);
}
