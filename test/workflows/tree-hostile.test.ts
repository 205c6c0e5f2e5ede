import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pax, restoreTree, rootless, tarWith } from '../support/tar-stream.ts';

let directory = '';
let target = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-target-'));
  target = join(directory, 'target');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('a tar stream that rigctl did not write', () => {
  const long = 'x'.repeat(150);
  it.each<[what: string, stream: Buffer, message: RegExp]>([
    ['climbs out', tarWith({ name: '../out', data: 'x' }), /leads out of the target: \.\.\/out/],
    [
      'climbs out of a directory',
      tarWith({ kind: 'directory', name: 'a/' }, { name: 'a/../../out' }),
      /leads out/,
    ],
    ['climbs with a long name', tarWith({ name: `../${long}` }), /leads out/],
    ['is absolute', tarWith({ name: '/tmp/rigctl-out' }), /leads out/],
    ['names a directory above', tarWith({ kind: 'directory', name: '..' }), /leads out/],
    [
      'has an empty name in a path',
      tarWith({ kind: 'directory', name: 'a/' }, { name: 'a//b' }),
      /leads out/,
    ],
    [
      'writes through a link',
      tarWith({ kind: 'symlink', name: 'a', linkName: '..' }, { name: 'a/out', data: 'x' }),
      /is in no directory of it: a\/out/,
    ],
    [
      'makes a link of a directory',
      tarWith(
        { kind: 'directory', name: 'a/' },
        { kind: 'symlink', name: 'a', linkName: '..' },
        { name: 'a/out' },
      ),
      /is there twice, or out of order: a/,
    ],
    ['writes through a file', tarWith({ name: 'a' }, { name: 'a/b' }), /is in no directory of it: a\/b/],
    ['has a name twice', tarWith({ name: 'a' }, { name: 'a' }), /is there twice/],
    [
      'comes back to a directory',
      tarWith({ kind: 'directory', name: 'a/' }, { name: 'b' }, { name: 'a/c' }),
      /is in no/,
    ],
    ['is out of order', tarWith({ name: 'b' }, { name: 'a' }), /out of order: a/],
    ['has two roots', tarWith({ kind: 'directory', name: './' }), /is in no directory of it: \./],
    ['has no root', rootless({ name: 'a' }), /is in no directory of it: a/],
    ['has a file for a root', rootless({ name: '.' }), /should be a directory/],
    [
      'has a link for a root',
      rootless({ kind: 'symlink', name: '.', linkName: '/' }),
      /should be a directory/,
    ],
    ['is empty', rootless(), /should be its root, and is missing/],
    ['is nothing', Buffer.alloc(0), /should be its root, and is missing/],
    ['has a hard link', tarWith({ name: 'a', linkName: '/etc/passwd', typeFlag: '1' }), /is neither a file/],
    ['has a device', tarWith({ name: 'a', typeFlag: '3' }), /is neither a file/],
    ['has a pipe', tarWith({ name: 'a', typeFlag: '6' }), /is neither a file/],
    ['has a kind of its own', tarWith({ name: 'a', typeFlag: 'S' }), /is neither a file/],
    ['has a link to nothing', tarWith({ kind: 'symlink', name: 'a' }), /a symbolic link to nothing/],
    ['says in PAX where it leads', tarWith(pax('path', '../out'), { name: 'a' }), /leads out/],
    [
      'has a time that is none',
      tarWith(pax('mtime', 'never'), { name: 'a' }),
      /has a number that none can have/,
    ],
    [
      'has a size that is none',
      tarWith(pax('size', '-5'), { name: 'a' }),
      /is not a tar stream: Invalid header/,
    ],
    [
      'has a header of 5 MiB',
      tarWith({ name: 'a', typeFlag: 'L', data: 'x'.repeat(5 << 20) }),
      /is not a tar stream/,
    ],
    ['ends in an entry', tarWith({ data: 'x'.repeat(5_000) }).subarray(0, 3_000), /is not a tar stream/],
    [
      'ends in a large entry',
      tarWith({ data: 'x'.repeat(500_000) }).subarray(0, 400_000),
      /is not a tar stream/,
    ],
    ['ends in a header', tarWith({ data: 'x' }).subarray(0, 700), /is not a tar stream/],
    ['is something else', Buffer.alloc(10_000, 'something else '), /is not a tar stream/],
  ])('(it %s) is refused, and nothing is left', async (_, stream, message) => {
    const outcome = await restoreTree(target, stream).catch((error: Error) => error);
    expect(outcome).toMatchObject({ code: 'RIG_RECORD_MALFORMED', message: expect.stringMatching(message) });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('hides no way out in wide characters, whose low bytes are "." and "/"', async () => {
    await restoreTree(target, tarWith(pax('path', '\u012e\u012e\u012fout'), { name: 'a' }));
    expect(readdirSync(target)).toEqual(['\u012e\u012e\u012fout']);
  });

  it('may say of a link whatever it likes, for nobody follows it', async () => {
    await restoreTree(
      target,
      tarWith({ kind: 'symlink', name: 'a', linkName: '/etc/passwd', mode: 0o777 }, { name: 'b' }),
    );
    expect(readlinkSync(join(target, 'a'))).toBe('/etc/passwd');
  });

  test.prop([fc.nat(), fc.integer({ min: 0, max: 255 })], { numRuns: 300 })(
    'with any byte of it changed never gets out, and is restored or refused',
    async (at, byte) => {
      const stream = tarWith(
        { kind: 'directory', name: 'a/' },
        { name: 'a/b', data: 'content', modifiedAtNs: 1n },
        { kind: 'symlink', name: 'c', linkName: '../..' },
        { name: `d${long}`, data: 'long' },
      );
      stream[at % stream.length] = byte;
      const outcome = await restoreTree(target, stream).catch((error: Error) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ code: expect.stringMatching(/^RIG_(RECORD_MALFORMED|LOCAL_IO)$/) });
      }
      expect(readdirSync(directory)).toEqual(outcome instanceof Error ? [] : ['target']);
      rmSync(target, { recursive: true, force: true });
    },
  );
});
