import { createHash } from 'node:crypto';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fc } from '@fast-check/vitest';

/** A directory tree, or a part of one. Names and links are raw bytes, one character each. */
export type TreeNode = (
  | { readonly kind: 'file'; readonly content: Uint8Array }
  | { readonly kind: 'symlink'; readonly says: string }
  | { readonly kind: 'directory'; readonly entries: readonly (readonly [name: string, node: TreeNode])[] }
) & { readonly mode: number; readonly modifiedAtSeconds: number | undefined; readonly owner: number };

const raw = (path: string): Buffer => Buffer.from(path, 'latin1');
const isRoot = process.geteuid?.() === 0;

const name = fc
  .oneof(
    { weight: 4, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 12 }) },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: 95, max: 255 })
        .map((length) => Buffer.alloc(length, 'long') as Uint8Array),
    },
  )
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll(/[/\0]/g, '-'))
  .filter((text) => text !== '.' && text !== '..');

const saying = fc
  .uint8Array({ minLength: 1, maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\0', '-'));

const content = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.constantFrom(512, 65_536, 65_537, 300_000).map((length) => new Uint8Array(length).fill(7)),
  fc.constantFrom(4_096, 10_000, 70_000, 400_000).map((length) => new Uint8Array(length)),
);

const attributes = {
  mode: fc.integer({ min: 0, max: 0o7777 }),
  modifiedAtSeconds: fc.option(fc.integer({ min: -1_000_000, max: 4_000_000_000 }), { nil: undefined }),
  owner: fc.constantFrom(0, 1234, 3_000_000),
};

const { directory } = fc.letrec<{ node: TreeNode; directory: TreeNode & { kind: 'directory' } }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('file' as const), content, ...attributes }),
    fc.record({ kind: fc.constant('symlink' as const), says: saying, ...attributes }),
    tie('directory'),
  ),
  directory: fc.record({
    kind: fc.constant('directory' as const),
    entries: fc.uniqueArray(fc.tuple(name, tie('node')), { maxLength: 6, selector: ([of]) => of }),
    ...attributes,
  }),
}));

/** Trees with names and links of any bytes, modes, times and, for root, owners. */
export const arbitraryTree: fc.Arbitrary<TreeNode> = directory;

/** Makes the tree, whose path must be free. */
export function makeTree(path: string, node: TreeNode): void {
  if (node.kind === 'file') {
    writeFileSync(raw(path), node.content);
  } else if (node.kind === 'symlink') {
    symlinkSync(raw(node.says), raw(path));
  } else {
    mkdirSync(raw(path));
    for (const [inner, child] of node.entries) {
      makeTree(`${path}/${inner}`, child);
    }
  }
  if (isRoot) {
    lchownSync(raw(path), node.owner, node.owner);
  }
  if (node.kind !== 'symlink') {
    // Who is not root must be able to read it.
    chmodSync(raw(path), isRoot ? node.mode : node.mode | 0o700);
  }
  if (node.modifiedAtSeconds !== undefined) {
    lutimesSync(raw(path), node.modifiedAtSeconds, node.modifiedAtSeconds);
  }
}

/** All that a restore must give back, one line for each entry; times in steps of `stepNs`. */
export function describeTree(root: string, stepNs: bigint): string[] {
  const describe = (path: string): string[] => {
    const stat = lstatSync(raw(path), { bigint: true });
    const kind = stat.isSymbolicLink()
      ? 'symlink'
      : stat.isDirectory()
        ? 'directory'
        : stat.isFile()
          ? 'file'
          : '?';
    const modifiedAt = stat.mtimeNs / stepNs - (stat.mtimeNs % stepNs < 0n ? 1n : 0n);
    const holds =
      kind === 'symlink'
        ? readlinkSync(raw(path), 'latin1')
        : kind === 'file'
          ? createHash('sha256')
              .update(readFileSync(raw(path)))
              .digest('hex')
          : '';
    const mode = (Number(stat.mode) & 0o7777).toString(8);
    const line = JSON.stringify([
      path.slice(root.length),
      kind,
      mode,
      `${stat.uid}:${stat.gid}`,
      `${modifiedAt}`,
      holds,
    ]);
    const inner = kind === 'directory' ? readdirSync(raw(path), 'latin1').sort() : [];
    return [line, ...inner.flatMap((entry) => describe(`${path}/${entry}`))];
  };
  return describe(root);
}
