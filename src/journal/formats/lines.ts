import type { Offset } from '../../kernel/offset.ts';
import type { JournalFormat, RecordDecoder, RecordSpan } from '../contract.ts';
import { countLineEnds, LF } from './line-ends.ts';

/** Where lines are shorter, to search for each takes longer than to look at all bytes. */
const SHORT_LINE_BYTES = 48;

/** A record is a line, its LF included. What follows the last LF is a torn tail. CR is an ordinary byte. */
export const linesFormat: JournalFormat = {
  name: 'lines',
  unit: 'byte',
  summary: 'one record a line (NDJSON, logs); only whole lines are pushed and restored',
  cutsAnywhere: false,
  createDecoder: (start, onRecord) => new LinesDecoder(start, onRecord),
};

class LinesDecoder implements RecordDecoder {
  readonly #start: Offset;
  readonly #onRecord: ((record: RecordSpan) => void) | undefined;
  records = 0;
  end: Offset;
  pendingBytes = 0;

  constructor(start: Offset, onRecord?: (record: RecordSpan) => void) {
    this.#start = start;
    this.#onRecord = onRecord;
    this.end = start;
  }

  push(chunk: Uint8Array): void {
    // A Buffer's indexOf searches with memchr: several times faster than Uint8Array's, or than looking at each byte.
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const chunkStart = this.end + this.pendingBytes;
    if (this.#onRecord === undefined && this.end - this.#start < SHORT_LINE_BYTES * this.records) {
      this.#countAll(bytes, chunkStart);
    } else {
      this.#findEach(bytes, chunkStart);
    }
    this.pendingBytes = chunkStart + bytes.length - this.end;
  }

  #countAll(bytes: Buffer, chunkStart: Offset): void {
    const lastIndex = bytes.lastIndexOf(LF);
    if (lastIndex !== -1) {
      this.records += countLineEnds(bytes);
      this.end = chunkStart + lastIndex + 1;
    }
  }

  #findEach(bytes: Buffer, chunkStart: Offset): void {
    for (let index = bytes.indexOf(LF); index !== -1; index = bytes.indexOf(LF, index + 1)) {
      const start = this.end;
      this.records += 1;
      this.end = chunkStart + index + 1;
      this.#onRecord?.({ start, end: this.end });
    }
  }
}
