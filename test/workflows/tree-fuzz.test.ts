import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { orRefusal, SELDOM } from '../support/fuzzing.ts';
import { byteMutation } from '../support/mutations.ts';
import { pax, restoreTree, rootless, tarWith, type Written } from '../support/tar-stream.ts';

/** Holds the target, and something that nobody may touch. */
let around = '';
let target = '';

beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), 'rigctl-tree-fuzz-'));
  target = join(around, 'target');
});

afterEach(() => rmSync(around, { recursive: true, force: true }));

/** Restores into a fresh place. True: it is there; whatever happens, nothing else is. */
async function restored(stream: Buffer): Promise<boolean> {
  rmSync(around, { recursive: true, force: true });
  mkdirSync(join(around, 'outside'), { recursive: true });
  writeFileSync(join(around, 'outside', 'file'), 'untouched');
  const outcome = await orRefusal(restoreTree(target, stream, { chunkBytes: 1_000 }), 'data', 'local');
  expect(readdirSync(around).sort()).toEqual(outcome === undefined ? ['outside'] : ['outside', 'target']);
  expect(readdirSync(join(around, 'outside'))).toEqual(['file']);
  expect(readFileSync(join(around, 'outside', 'file'), 'utf8')).toBe('untouched');
  return outcome !== undefined;
}

/** What a tree holds: of each path its kind and what it says. Links are not followed. */
function contentOf(path: string, name = '.'): [string, string][] {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    return [[name, `-> ${readlinkSync(path)}`]];
  }
  if (!stat.isDirectory()) {
    return [[name, stat.isFile() ? readFileSync(path, 'latin1') : 'something else']];
  }
  const inside = readdirSync(path).flatMap((entry) =>
    contentOf(join(path, entry), name === '.' ? entry : `${name}/${entry}`),
  );
  return [[name, 'directory'], ...inside];
}

const data = fc.constantFrom('', 'data', 'x'.repeat(600), '\0'.repeat(5_000));
const plainName = fc.constantFrom('a', 'b', 'c', 'a.b', 'a-b', `${'n'.repeat(120)}`);
const hostileName = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '',
    '../outside/file',
    '/tmp/rigctl-out',
    'a/../../outside',
    'a/./b',
    'a//b',
    '\\',
    'a\0b',
  ],
  ...['../target/x', 'a/b/c', './a', 'a/', `${'m'.repeat(300)}`, `${'d/'.repeat(200)}d`, '__proto__'],
);
const linkName = fc.constantFrom('..', '../outside', '../outside/file', '/etc/passwd', 'a', '.', 'nothing');

const entry: fc.Arbitrary<Written> = fc.oneof(
  fc.record({ name: plainName, data }),
  fc.record({ kind: fc.constant('directory' as const), name: plainName.map((name) => `${name}/`) }),
  fc.record({ kind: fc.constant('symlink' as const), name: plainName, linkName }),
);

const parent = fc.constantFrom('', '', 'a/', 'b/', 'a/b/');
const inside = fc
  .tuple(parent, entry)
  .map(([start, { name = '', ...rest }]) => ({ ...rest, name: `${start}${name}` }));

const hostileEntry: fc.Arbitrary<Written> = fc.oneof(
  inside,
  fc.tuple(inside, hostileName).map(([made, name]) => ({ ...made, name })),
  fc
    .tuple(inside, fc.constantFrom('1', '3', '4', '6', '7', 'L', 'K', 'x', 'g', 'S', 'V', '\0'))
    .map(([made, typeFlag]) => ({ ...made, typeFlag })),
  fc
    .tuple(inside, fc.constantFrom(1, 511, 2 ** 33, 2 ** 53 - 1))
    .map(([made, sizeBytes]) => ({ ...made, sizeBytes })),
  fc
    .tuple(inside, fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53 - 1))
    .map(([made, uid]) => ({ ...made, uid, gid: uid })),
  fc
    .tuple(
      fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'uid', 'gid', '__proto__', 'GNU.sparse.name'),
      fc.oneof(
        hostileName,
        fc.constantFrom('0', '-1', '1e9', '9007199254740993', '1.5', `${'9'.repeat(18)}`, 'never'),
      ),
    )
    .map(([key, value]) => pax(key, value.replaceAll('\0', '-'))),
);

const TREE = tarWith(
  { kind: 'directory', name: 'a/' },
  { name: 'a/b', data: 'x'.repeat(600) },
  { kind: 'symlink', name: 'b', linkName: '../outside' },
  { name: 'c', data: 'data' },
);

/** The checksum of each header is right again, so that what was changed in it counts. */
function withChecksums(stream: Buffer): Buffer {
  for (let at = 0; at + 512 <= stream.length; at += 512) {
    if (stream.toString('latin1', at + 257, at + 262) === 'ustar') {
      stream.fill(' ', at + 148, at + 156);
      const sum = stream.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
      stream.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
    }
  }
  return stream;
}

describe('a tar stream', () => {
  test.prop([fc.array(inside, { maxLength: 8 })], SELDOM)(
    'in any order gives what it says, or is refused',
    async (entries) => {
      if (await restored(tarWith(...entries))) {
        const said = entries.map(({ kind, name = '', data: text = '', linkName: to }): [string, string] => [
          name.replace(/\/$/, ''),
          kind === 'directory' ? 'directory' : kind === 'symlink' ? `-> ${to}` : text,
        ]);
        expect(new Map(contentOf(target))).toEqual(new Map([['.', 'directory'], ...said]));
      }
    },
  );

  test.prop([fc.array(hostileEntry, { minLength: 1, maxLength: 6 }), fc.boolean()], SELDOM)(
    'of anything leads nowhere else',
    async (entries, hasRoot) => {
      await restored(hasRoot ? tarWith(...entries) : rootless(...entries));
    },
  );

  test.prop([byteMutation([TREE, tarWith({ name: '../outside/file', data: 'x' })]), fc.boolean()], SELDOM)(
    'with other bytes leads nowhere else',
    async (mutate, mend) => {
      const stream = Buffer.from(mutate(TREE));
      await restored(mend ? withChecksums(stream) : stream);
    },
  );
});
