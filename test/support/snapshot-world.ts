import { readDescriptor } from '../../src/archive/descriptor.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import { readContent } from '../../src/archive/snapshot-reader.ts';
import { KIB } from '../../src/kernel/size.ts';
import { readWhole } from '../../src/store/body.ts';
import type { SnapshotOptions } from '../../src/workflows/push.ts';
import { noise } from './noise.ts';
import { PushWorld } from './push-world.ts';

export const JOURNAL = '/app.journal';
export const DIRECTORY = '/snapshots';
export const SNAPSHOTS: SnapshotOptions = {
  directory: DIRECTORY,
  names: undefined,
  pruneLocal: undefined,
  expire: undefined,
};

/** A world with a journal of so many bytes and a snapshot directory. */
export async function worldWith(journalBytes: number): Promise<PushWorld> {
  const world = new PushWorld();
  world.fileSystem.append(JOURNAL, 'x'.repeat(journalBytes));
  await world.fileSystem.makeDirectory(DIRECTORY, 0o700);
  return world;
}

export function take(world: PushWorld, name: string, content: Uint8Array | string): void {
  world.fileSystem.append(`${DIRECTORY}/${name}`, content);
}

export function noisy(lengthBytes: number, seed: number): Buffer {
  return Buffer.concat([...noise(seed, lengthBytes)]);
}

export async function latest(world: PushWorld): Promise<string | undefined> {
  const object = await world.store().get('LATEST');
  return object && Buffer.from(await readWhole('LATEST', object, KIB)).toString();
}

export async function contentAt(world: PushWorld, at: number): Promise<Buffer> {
  const store = world.store();
  const archive = (await readDescriptor(store))?.id ?? '';
  const parts: Uint8Array[] = [];
  for await (const bytes of readContent(store, await resolveChain(store, at, archive))) {
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
