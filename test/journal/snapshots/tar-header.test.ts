import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { extract, type Header } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { encodeTarHeader, paddingBytesOf, type TarEntry } from '../../../src/journal/snapshots/tar-header.ts';

const PLAIN: TarEntry = {
  kind: 'file',
  name: 'plain',
  linkName: '',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  sizeBytes: 0,
  modifiedAtNs: 1_700_000_000_000_000_000n,
};

/** GNU tar's own words about an entry: mode, owner, size, time, name. */
function listedByTar(entry: Partial<TarEntry>): string {
  const stream = Buffer.concat([encodeTarHeader({ ...PLAIN, ...entry }), Buffer.alloc(1024)]);
  const { stdout, stderr } = spawnSync(
    'tar',
    ['tvf', '-', '--full-time', '--numeric-owner', '--quoting-style=escape'],
    {
      input: stream,
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    },
  );
  // Data is not given here, so tar may miss it.
  return `${stdout}`.trim().replaceAll(/ +/g, ' ') || `${stderr}`;
}

/** What the library that unpacks makes of it. */
function decoded(entry: TarEntry): Promise<Header> {
  return new Promise((resolve, reject) => {
    const options = { highWaterMark: 1024, filenameEncoding: 'latin1' };
    const decoder = extract(options);
    decoder.on('entry', (header) => resolve(header));
    decoder.on('error', reject);
    decoder.write(encodeTarHeader(entry));
  });
}

describe('a tar header', () => {
  it.each<[what: string, entry: Partial<TarEntry>, listed: string]>([
    ['a plain file', {}, '-rw-r--r-- 1000/100 0 2023-11-14 22:13:20 plain'],
    [
      'a directory',
      { kind: 'directory', name: 'd/', mode: 0o1777 },
      'drwxrwxrwt 1000/100 0 2023-11-14 22:13:20 d/',
    ],
    [
      'a link',
      { kind: 'symlink', linkName: '../x', mode: 0o777 },
      'lrwxrwxrwx 1000/100 0 2023-11-14 22:13:20 plain -> ../x',
    ],
    ['set-user-ID', { mode: 0o6755 }, '-rwsr-sr-x 1000/100 0 2023-11-14 22:13:20 plain'],
    [
      'nanoseconds',
      { modifiedAtNs: 1_700_000_000_000_000_001n },
      '-rw-r--r-- 1000/100 0 2023-11-14 22:13:20.000000001 plain',
    ],
    [
      'whole seconds before 1970',
      { modifiedAtNs: -2_000_000_000n },
      '-rw-r--r-- 1000/100 0 1969-12-31 23:59:58 plain',
    ],
    [
      'a time after the octal ones',
      { modifiedAtNs: 20_000_000_000_000_000_000n },
      '-rw-r--r-- 1000/100 0 2603-10-11 11:33:20 plain',
    ],
    [
      'the last octal time',
      { modifiedAtNs: 8_589_934_591n * 10n ** 9n },
      '-rw-r--r-- 1000/100 0 2242-03-16 12:56:31 plain',
    ],
    [
      'great numbers',
      { uid: 2_097_152, gid: 4_294_967_294 },
      '-rw-r--r-- 2097152/4294967294 0 2023-11-14 22:13:20 plain',
    ],
    ['the last octal owner', { uid: 2_097_151 }, '-rw-r--r-- 2097151/100 0 2023-11-14 22:13:20 plain'],
    [
      'a name of 100 bytes',
      { name: 'n'.repeat(100) },
      `-rw-r--r-- 1000/100 0 2023-11-14 22:13:20 ${'n'.repeat(100)}`,
    ],
    [
      'a name of 101 bytes',
      { name: 'n'.repeat(101) },
      `-rw-r--r-- 1000/100 0 2023-11-14 22:13:20 ${'n'.repeat(101)}`,
    ],
    [
      'a long name of a long link, at an odd time',
      { kind: 'symlink', name: 'n'.repeat(600), linkName: 'l'.repeat(700), modifiedAtNs: 1n },
      `lrw-r--r-- 1000/100 0 1970-01-01 00:00:00.000000001 ${'n'.repeat(600)} -> ${'l'.repeat(700)}`,
    ],
    [
      'a name that is not UTF-8',
      { name: 'caf\xe9\xff' },
      '-rw-r--r-- 1000/100 0 2023-11-14 22:13:20 caf\\351\\377',
    ],
  ])('of %s is what GNU tar reads', (_, entry, listed) => {
    expect(listedByTar(entry)).toBe(listed);
  });

  it.each([8 * 2 ** 30 - 1, 8 * 2 ** 30, 2 ** 50])('of %d bytes is what GNU tar reads', (sizeBytes) => {
    expect(listedByTar({ sizeBytes })).toContain(` ${sizeBytes} 2023-11-14`);
  });

  const rawName = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\0', '-'));

  test.prop([
    fc.record({
      kind: fc.constantFrom('file', 'symlink'),
      name: rawName.filter((name) => !name.endsWith('/')),
      linkName: rawName,
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      sizeBytes: fc.maxSafeNat(),
      modifiedAtNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n }),
    }),
  ])('gives all of it back to the library that unpacks', async (entry: TarEntry) => {
    const { pax, mtime, ...header } = await decoded(entry);
    expect(header).toMatchObject({
      type: entry.kind,
      name: entry.name,
      linkname: entry.linkName,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      size: entry.sizeBytes,
    });
    const said = (pax as Record<string, string> | null)?.['mtime'] ?? `${mtime.getTime() / 1000}`;
    const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(said) ?? [];
    expect(BigInt(`${sign}${whole}${fraction.padEnd(9, '0')}`)).toBe(entry.modifiedAtNs);
    expect(pax === null).toBe(
      entry.modifiedAtNs % 10n ** 9n === 0n &&
        entry.modifiedAtNs >= 0n &&
        entry.modifiedAtNs < 2n ** 33n * 10n ** 9n,
    );
  });

  it.each([-1n, -1_500_000_000n, -1_000_000_000n, 1_700_000_000_123_456_789n])(
    'with a time of %d ns gives a file that time through GNU tar',
    (modifiedAtNs) => {
      const directory = mkdtempSync(join(tmpdir(), 'rigctl-tar-'));
      const input = Buffer.concat([encodeTarHeader({ ...PLAIN, modifiedAtNs }), Buffer.alloc(1024)]);
      spawnSync('tar', ['xf', '-'], { cwd: directory, input });
      const { mtimeNs } = statSync(join(directory, PLAIN.name), { bigint: true });
      rmSync(directory, { recursive: true });
      expect(mtimeNs).toBe(modifiedAtNs);
    },
  );

  it('is followed by data in whole blocks', () => {
    expect([0, 1, 511, 512, 513].map(paddingBytesOf)).toEqual([0, 511, 1, 0, 511]);
  });
});
