import { type Sha256, startSha256 } from '../kernel/digest.ts';
import type { Offset } from '../kernel/offset.ts';

/**
 * The journal on this machine as a writer needs it; the push workflow hands it in. Its bytes below any offset once
 * seen never change; an implementation that finds they did throws RIG_JOURNAL_TRUNCATED.
 */
export interface LocalJournal {
  /** For messages. */
  readonly path: string;
  /** How long it is now. May be repeated. */
  observe(): Promise<Offset>;
  /** The bytes `[start, end)`, which have been seen, in chunks of at most 4 MiB. May be repeated. */
  read(start: Offset, end: Offset): AsyncIterable<Uint8Array>;
  /** Makes what has been read survive a power loss. May be repeated. */
  syncData(): Promise<void>;
}

export async function hashLocal(journal: LocalJournal, start: Offset, end: Offset): Promise<Sha256> {
  const hash = startSha256();
  for await (const chunk of journal.read(start, end)) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}
