import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../src/kernel/assert.ts';
import { GIB, KIB, MIB } from '../../src/kernel/size.ts';
import { writeChunks } from '../support/large-journal.ts';
import { ndjson } from '../support/ndjson.ts';
import { noise } from '../support/noise.ts';

export type JournalName = 'ndjson' | 'noise' | 'tiny' | 'mixed' | 'sparse';

/** What each is, in words for a table. */
export const JOURNAL_TITLES: Readonly<Record<JournalName, string>> = {
  ndjson: 'NDJSON',
  noise: 'incompressible bytes',
  tiny: 'tiny records',
  mixed: 'large and small records',
  sparse: 'a sparse file',
};

/** What repeats is longer than any window of a compressor that meets it. */
const BLOCK_BYTES = 32 * MIB;

/** Records of 8 to 15 bytes. */
const TINY = { records: 100_000, modulus: 1e9 + 7 };

/** A large record, of this many bytes and of this many more each time, after so much of small ones. */
const LARGE = { firstBytes: 100 * KIB, moreBytes: 200 * KIB, afterBytes: MIB };

/** A sparse journal has so much in it at the start of each GiB. */
const ISLAND_BYTES = MIB;

/** The journals of a run, each made when it is first asked for, from fixed seeds: the same bytes on every machine. */
export class Journals {
  readonly #directory: string;
  readonly #bytes: number;
  readonly #signal: AbortSignal;
  readonly #made = new Map<JournalName, Promise<string>>();

  /** `bytes`: how long each is, but for the sparse one, which is sixteen times as long. */
  constructor(directory: string, bytes: number, signal: AbortSignal) {
    this.#directory = directory;
    this.#bytes = bytes;
    this.#signal = signal;
  }

  lengthBytes(name: JournalName): number {
    return name === 'sparse' ? 16 * this.#bytes : this.#bytes;
  }

  /** The path of its file. */
  async path(name: JournalName): Promise<string> {
    const made = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, made);
    return made;
  }

  async #make(name: JournalName): Promise<string> {
    const path = join(this.#directory, `${name}.journal`);
    const lengthBytes = this.lengthBytes(name);
    if (name === 'sparse') {
      await makeSparse(path, lengthBytes);
    } else {
      await writeChunks(path, this.#stoppable(contentOf(name, lengthBytes)));
    }
    return path;
  }

  *#stoppable(chunks: Iterable<Buffer>): Generator<Buffer, void, undefined> {
    for (const chunk of chunks) {
      this.#signal.throwIfAborted();
      yield chunk;
    }
  }
}

function contentOf(name: Exclude<JournalName, 'sparse'>, lengthBytes: number): Iterable<Buffer> {
  const blockBytes = Math.min(BLOCK_BYTES, lengthBytes);
  switch (name) {
    case 'ndjson':
      return ndjson(1, lengthBytes);
    case 'noise':
      return noise(1, lengthBytes);
    case 'tiny':
      return repeated([...tinyRecords(blockBytes)], lengthBytes);
    case 'mixed':
      return repeated([...largeAndSmall(blockBytes)], lengthBytes);
  }
}

/** The same chunks over and over: `lengthBytes` bytes and what the last chunk is longer. */
function* repeated(chunks: readonly Buffer[], lengthBytes: number): Generator<Buffer, void, undefined> {
  for (let left = lengthBytes, index = 0; left > 0; index += 1) {
    const chunk = chunks[index % chunks.length];
    assert(chunk !== undefined, 'there is something to repeat');
    left -= chunk.length;
    yield chunk;
  }
}

/** Counters and small numbers, as of a sensor. */
function* tinyRecords(lengthBytes: number): Generator<Buffer, void, undefined> {
  let value = 1;
  for (let left = lengthBytes; left > 0; ) {
    let text = '';
    for (let record = 0; record < TINY.records; record += 1) {
      value = (value * 48_271) % TINY.modulus;
      text += `{"v":${value % 1e7}}\n`;
    }
    const chunk = Buffer.from(text, 'latin1');
    left -= chunk.length;
    yield chunk;
  }
}

/** Events of a shop, and among them lines of up to some MiB, half of them noise in base64. */
function* largeAndSmall(lengthBytes: number): Generator<Buffer, void, undefined> {
  let largeBytes = LARGE.firstBytes;
  const small = ndjson(2, lengthBytes);
  for (let left = lengthBytes; left > 0; largeBytes += LARGE.moreBytes) {
    const records = small.next().value;
    assert(records !== undefined && records.length >= Math.min(left, LARGE.afterBytes), 'more than enough');
    const [random] = noise(largeBytes % 251, Math.min(MIB, Math.ceil(largeBytes * 0.375)));
    const words = records.toString('latin1', 0, largeBytes / 2).replaceAll(/["\n]/g, ' ');
    const large = Buffer.from(`{"words":"${words}","image":"${random?.toString('base64')}"}\n`);
    left -= records.length + large.length;
    yield records;
    yield large;
  }
}

async function makeSparse(path: string, lengthBytes: number): Promise<void> {
  await writeChunks(path, []);
  await truncate(path, lengthBytes);
  await using file = await open(path, 'r+');
  const [island] = noise(3, ISLAND_BYTES);
  assert(island !== undefined, 'one chunk');
  for (let at = 0; at < lengthBytes; at += GIB) {
    await file.write(island, 0, island.length, at);
  }
}
