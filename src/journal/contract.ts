import type { Offset } from '../kernel/offset.ts';

/**
 * A journal format: where records end. Pure and synchronous; the same bytes give the same records however they are
 * split into chunks. Every format passes `test/conformance/journal-format.ts`.
 */
export interface JournalFormat {
  readonly name: FormatName;
  /** What offsets count. */
  readonly unit: 'byte' | 'record';
  /** One line for `--help` and the man page. */
  readonly summary: string;
  /** True when every byte is a record: any offset is a boundary, and nothing need be read to find one. */
  readonly cutsAnywhere: boolean;
  /** A decoder for bytes that start at the record boundary `start`. */
  createDecoder(start: Offset, onRecord?: (record: RecordSpan) => void): RecordDecoder;
}

export type FormatName = 'bytes' | 'lines' | 'none';

/** Where one record lies: offsets of its first byte and just past its last. */
export interface RecordSpan {
  readonly start: Offset;
  readonly end: Offset;
}

/**
 * Finds record ends in a stream of bytes. `onRecord`, where given, is called for every record in order, before
 * `push` returns, and sees `records` and `end` count that record; without it a decoder only counts and may be
 * much faster.
 */
export interface RecordDecoder {
  /**
   * Takes the next bytes, and keeps none of them: their memory may be given to somebody else.
   * @throws RigError RIG_RECORD_MALFORMED with the record's offset in its details; what was decoded before it stays.
   */
  push(chunk: Uint8Array): void;
  /** Complete records so far. */
  readonly records: number;
  /** The end of the last complete record, or the start when there is none yet. */
  readonly end: Offset;
  /** Bytes after `end`: an unfinished record (a torn tail, when nothing follows). */
  readonly pendingBytes: number;
}
