import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import { nodeFileSystem } from '../../../src/kernel/filesystem.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import type { Store } from '../../../src/store/contract.ts';
import { openFileStore } from '../../../src/store/drivers/file.ts';
import { isKey } from '../../../src/store/key.ts';
import { collect } from '../../support/collect.ts';
import { orRefusal, SELDOM } from '../../support/fuzzing.ts';
import { keysOf, textOf } from '../../support/store-bytes.ts';

/** Holds nothing but the archive, so that a link out of it leads nowhere else. */
let around: string;
let root: string;
let store: Store;
beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), 'rigctl-fuzz-'));
  root = join(around, 'archive');
  mkdirSync(root);
  store = openStore();
});
afterEach(() => rmSync(around, { recursive: true }));

function openStore(): Store {
  return openFileStore(root, { fileSystem: nodeFileSystem, clock: systemClock, random: systemRandom });
}

describe('a directory store in which somebody has made', () => {
  it('a pipe reads none, and does not wait for a writer', async () => {
    mkdirSync(join(root, 'LOG'));
    execFileSync('mkfifo', [join(root, 'LATEST'), join(root, 'LOG/0000000000000000')]);
    expect(await keysOf(store)).toEqual([]);
    expect(await store.get('LATEST')).toBeUndefined();
    expect(await store.head('LOG/0000000000000000')).toBeUndefined();
  });

  it.each([
    ['a link to itself', 'loop', 'loop'],
    ['a link to its directory', 'self', '.'],
    ['a link to the directory above', 'up', '..'],
  ])('%s refuses to list it', async (_what, name, to) => {
    mkdirSync(join(root, 'LOG'));
    symlinkSync(to, join(root, 'LOG', name));
    await expect(keysOf(store)).rejects.toMatchObject({
      code: 'RIG_CONFIG_INVALID',
      message: expect.stringContaining('symbolic links lead in a circle'),
    });
  });

  it('directories deeper than a path can be refuses to list them', async () => {
    const script =
      'for level in $(seq 300); do mkdir -p deeper-and-deeper; cd -P deeper-and-deeper || exit 1; done';
    execFileSync('bash', ['-c', script], { cwd: root });
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'RIG_STORE_UNSUPPORTED' });
  });
});

/** An entry of a directory: bytes that a file system takes, and what it is. */
interface Thing {
  readonly name: Buffer;
  readonly kind: 'file' | 'directory' | 'link' | 'pipe';
  readonly to: string;
}

const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('LOG', 'SNAPSHOT', 'LATEST', '0000000000000000', 'a', 'b', 'a.b', 'a-b', '-'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('.rigctl-tmp', '.hidden', ' ', 'a b', '\u001b[2J', 'ä', '__proto__', '...'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }) },
);
const rawName = fc
  .oneof(
    name.map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  )
  .filter((bytes) => !bytes.includes(0) && !bytes.includes('/') && !['.', '..'].includes(bytes.toString()));

const thing: fc.Arbitrary<Thing> = fc.record({
  name: rawName,
  kind: fc.constantFrom('file', 'file', 'directory', 'directory', 'link', 'pipe'),
  to: fc.constantFrom('.', '..', 'a', 'LOG', 'nothing', '/dev/null', '../a', 'LOG/a', '/etc/hostname'),
});

/** Makes them, each in the directory made last or at the root; what cannot be made is left out. */
function make(things: readonly (readonly [Thing, boolean])[]): void {
  let inner: Buffer = Buffer.from(root);
  for (const [{ name: bytes, kind, to }, nested] of things) {
    const path = Buffer.concat([nested ? inner : Buffer.from(root), Buffer.from('/'), bytes]);
    try {
      if (kind === 'directory') {
        mkdirSync(path);
        inner = path;
      } else if (kind === 'link') {
        symlinkSync(to, path);
      } else if (kind === 'pipe') {
        execFileSync('mkfifo', [path.toString('latin1')], { stdio: 'ignore' });
      } else {
        writeFileSync(path, bytes, { flag: 'wx' }); // anything else would wait for the reader of a pipe
      }
    } catch {
      // There is something of this name already.
    }
  }
}

describe('a directory store in which anybody has made anything', () => {
  const things = fc.array(fc.tuple(thing, fc.boolean()), { minLength: 1, maxLength: 8 });

  test.prop([things], SELDOM)('lists what can be read, in order, or refuses', async (made) => {
    rmSync(root, { recursive: true });
    mkdirSync(root);
    make(made);
    store = openStore();
    const listed = await orRefusal(collect(store.list('')), 'usage', 'unavailable', 'denied');
    const keys = listed?.map(({ key }) => key) ?? [];
    expect(keys).toEqual([...new Set(keys)].sort());
    expect(keys.every(isKey)).toBe(true);
    for (const { key, sizeBytes } of listed ?? []) {
      expect(await textOf(store, key)).toBeDefined();
      expect(sizeBytes).toBe(statSync(join(root, key)).size);
    }
    for (const { name: bytes } of made.map(([first]) => first)) {
      const key = bytes.toString();
      if (isKey(key) && key !== '.rigctl-tmp') {
        const object = await orRefusal(store.get(key), 'usage', 'unavailable', 'denied');
        expect(listed === undefined || object === undefined || keys.includes(key)).toBe(true);
        await collect(object?.body ?? []);
      }
    }
  });
});
