import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { snapshotKey } from '../../src/archive/layout.ts';
import { resolvePieces } from '../../src/archive/snapshot-index.ts';
import { resolveChain } from '../../src/archive/snapshot-object.ts';
import { auditOwn } from '../../src/archive/snapshot-reader.ts';
import type { Store } from '../../src/store/contract.ts';
import { createMemoryNamespace, openMemoryStore } from '../../src/store/drivers/memory.ts';
import { ARCHIVE_ID, overwrite } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { readManExamples } from '../support/man-page.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { snapshotContent } from '../support/snapshot-builder.ts';

const FIXTURE = join(import.meta.dirname, '../fixtures/snapshot-v1');

/** A full snapshot and its increment that were written by the first version. */
async function openGolden(): Promise<Store> {
  const store = openMemoryStore(createMemoryNamespace(), new SimulatedClock());
  for (const key of [snapshotKey(0x100), snapshotKey(0x180)]) {
    await overwrite(store, key, readFileSync(join(FIXTURE, 'objects', key)));
  }
  return store;
}

describe('a snapshot of version 1', () => {
  test.each([
    [0x100, 1],
    [0x180, 2],
  ])('at %i is audited and restored', async (at, snapshots) => {
    const store = await openGolden();
    const chain = await resolveChain(store, at, ARCHIVE_ID);
    expect(chain).toHaveLength(snapshots);
    await Promise.all(chain.map((head) => auditOwn(store, head)));
    expect(await snapshotContent(store, at)).toEqual(
      readFileSync(join(FIXTURE, `content-${at.toString(16)}`)),
    );
  });

  test('has its keys in the order of a tree, and its new pieces beside the shared ones', async () => {
    const store = await openGolden();
    const chain = await resolveChain(store, 0x180, ARCHIVE_ID);
    const pieces = (await collect(resolvePieces(store, chain))).flat();
    const starts = pieces.filter(({ startsKey }) => startsKey);
    expect(starts.map(({ key }) => key)).toEqual([
      '.',
      '!',
      'orders',
      'orders/1',
      'orders/2',
      'orders/3',
      'orders-2025',
      '\xe9t\xe9',
    ]);
    expect(pieces.filter(({ at }) => at === 0x180)).toEqual([
      {
        key: 'orders/2',
        startsKey: false,
        lengthBytes: 8,
        sha256: 'Dq-_GNVlSG66sFDcWETQgzHiWO52n3A3LolyCSYf5CM',
        at: 0x180,
        ownStart: 0,
      },
      {
        key: 'orders/3',
        startsKey: true,
        lengthBytes: 7,
        sha256: 'fsffRm8kLBfYwlGB0aoE6Y0JqAFdksqN-YQGOMueAXE',
        at: 0x180,
        ownStart: 8,
      },
    ]);
    expect(chain[0]).toMatchObject({
      header: { base: 0x100, baseSha256: 'cd5c798acc6a24bca5a5381b31612454908b2c94876dd56b787cd5b6386a1154' },
      footer: { bytes: 337, ownBytes: 15, pieces: 12, frames: [[15, 28, 830_691_064]] },
    });
  });
});

/** An object taken apart as rigctl-archive(5) says, without the code under test. */
function takeApart(at: number) {
  const bytes = readFileSync(join(FIXTURE, 'objects', `SNAPSHOT/${at.toString(16).padStart(16, '0')}`));
  const headerEnd = 8 + bytes.readUInt32LE(4);
  const footerStart = bytes.length - Number(bytes.readBigUInt64LE(bytes.length - 16));
  const footer = JSON.parse(bytes.toString('utf8', footerStart + 12, bytes.length - 16));
  const [[, ownStoredBytes]] = footer.frames;
  return {
    header: JSON.parse(bytes.toString('utf8', 12, headerEnd)),
    own: zstdDecompressSync(bytes.subarray(headerEnd, headerEnd + ownStoredBytes)).toString('latin1'),
    index: zstdDecompressSync(bytes.subarray(headerEnd + ownStoredBytes + 8, footerStart)).toString('utf8'),
    footer,
  };
}

type Line = [length: number, hash: string] | [first: number, count: number];

function linesOf(index: string): Line[] {
  return index
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function isOwn(line: Line): line is [number, string] {
  return typeof line[1] === 'string';
}

/** What goes into the tree hash for each line of a full snapshot. */
function entriesOf(lines: readonly Line[]): Buffer[] {
  return lines.filter(isOwn).map(([lengthBytes, hash]) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(lengthBytes);
    return Buffer.concat([length, Buffer.from(hash, 'base64url')]);
  });
}

function sha256(entries: readonly Buffer[]): string {
  return createHash('sha256').update(Buffer.concat(entries)).digest('hex');
}

describe('the example in rigctl-archive(5)', () => {
  const [fullIndex = '', firstEntry = '', fullFooter = '', header = '', own = '', index = '', footer = ''] =
    readManExamples('rigctl-archive.5', 'SNAPSHOT/offset');
  const entries = entriesOf(linesOf(fullIndex));

  test('is what two objects of version 1 hold', () => {
    const full = takeApart(0x100);
    expect([fullIndex, JSON.parse(fullFooter)]).toEqual([full.index, full.footer]);
    expect({ header: JSON.parse(header), own, index, footer: JSON.parse(footer) }).toEqual(takeApart(0x180));
  });

  test('shows what the tree hash of a full snapshot is over', () => {
    expect(firstEntry.replaceAll(/\s/g, '')).toBe(entries[0]?.toString('hex'));
    expect(sha256(entries)).toBe(JSON.parse(fullFooter).sha256);
  });

  test('shows how an increment is put together', () => {
    const resolved = linesOf(index).flatMap((line) =>
      isOwn(line) ? entriesOf([line]) : entries.slice(line[0], line[0] + line[1]),
    );
    expect(resolved).toHaveLength(JSON.parse(footer).pieces);
    expect(sha256(resolved)).toBe(JSON.parse(footer).sha256);
  });
});
