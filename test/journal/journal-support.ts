import { expect } from 'vitest';
import { type Journal, openJournal } from '../../src/journal/tail.ts';
import { MemoryFileSystem } from '../support/memory-filesystem.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

export const PATH = '/journal';

/** A journal in memory, opened, on a clock that stands still. */
export async function setUp(content: Uint8Array | string = 'one\n') {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem(clock);
  fileSystem.append(PATH, content);
  const journal = await openJournal(PATH, { fileSystem, clock });
  return { clock, fileSystem, journal, signal: new AbortController().signal };
}

export async function readAll(journal: Journal, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of journal.read(start, end)) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What an error is like that finds a journal changed. */
export function truncated(message: string) {
  return {
    code: 'RIG_JOURNAL_TRUNCATED',
    message: expect.stringContaining(message),
    hint: expect.stringContaining('new archive'),
  };
}
