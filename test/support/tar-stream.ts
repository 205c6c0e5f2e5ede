import { encodeTarHeader, paddingBytesOf, type TarEntry } from '../../src/journal/snapshots/tar-header.ts';
import { type FileTree, nodeFileTree } from '../../src/kernel/file-tree.ts';
import { checkTreeTarget, TreeTarget } from '../../src/workflows/tree-target.ts';
import { seededRandom } from './seeded-random.ts';

/** Restores a tar stream; whatever goes wrong, nothing is left behind. */
export async function restoreTree(
  target: string,
  stream: Uint8Array,
  options: { readonly tree?: FileTree; readonly force?: boolean; readonly chunkBytes?: number } = {},
): Promise<{ readonly leftBehind: string | undefined }> {
  const { tree = nodeFileTree, force = false, chunkBytes = 65_536 } = options;
  const unpacking = await TreeTarget.create(
    tree,
    await checkTreeTarget(tree, target, force),
    seededRandom(1),
  );
  try {
    for (let at = 0; at < stream.length; at += chunkBytes) {
      await unpacking.write(stream.slice(at, at + chunkBytes));
    }
    return await unpacking.commit();
  } catch (error) {
    await unpacking.discard();
    throw error;
  }
}

/** An entry of a tar stream, whatever is not said being plain. */
export type Written = Partial<TarEntry> & { readonly data?: string; readonly typeFlag?: string };

/** A tar stream of any entries; a root is put before them. */
export function tarWith(...entries: readonly Written[]): Buffer {
  return rootless({ kind: 'directory', name: './', mode: 0o755 }, ...entries);
}

/** The same without a root. */
export function rootless(...entries: readonly Written[]): Buffer {
  return Buffer.concat([...entries.flatMap(encode), Buffer.alloc(1024)]);
}

function encode({ data = '', typeFlag, ...entry }: Written): Uint8Array[] {
  const plain = {
    kind: 'file',
    name: 'file',
    linkName: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    modifiedAtNs: 0n,
  } as const;
  const header = Buffer.from(encodeTarHeader({ ...plain, sizeBytes: data.length, ...entry }));
  if (typeFlag !== undefined) {
    header.write(typeFlag, 156, 'latin1');
    header.fill(' ', 148, 156);
    const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return [header, Buffer.from(data, 'latin1'), Buffer.alloc(paddingBytesOf(data.length))];
}

/** An entry that says something of the next one, as POSIX has it. */
export function pax(key: string, value: string): Written {
  const rest = ` ${key}=${value}\n`;
  const lengthBytes = Buffer.byteLength(rest);
  const total = lengthBytes + `${lengthBytes + 2}`.length;
  return {
    name: 'PaxHeader',
    typeFlag: 'x',
    data: Buffer.from(`${total}${rest}`, 'utf8').toString('latin1'),
  };
}
