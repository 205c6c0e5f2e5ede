import type { Offset } from '../../kernel/offset.ts';
import type { JournalFormat, RecordDecoder, RecordSpan } from '../contract.ts';

/** Every byte is a record: any offset is a boundary and there is no torn tail. */
export const bytesFormat: JournalFormat = {
  name: 'bytes',
  unit: 'byte',
  summary: 'any append-only file; every byte offset can be restored',
  cutsAnywhere: true,
  createDecoder: (start, onRecord) => new BytesDecoder(start, onRecord),
};

class BytesDecoder implements RecordDecoder {
  readonly #start: Offset;
  readonly #onRecord: ((record: RecordSpan) => void) | undefined;
  end: Offset;
  readonly pendingBytes = 0;

  constructor(start: Offset, onRecord?: (record: RecordSpan) => void) {
    this.#start = start;
    this.#onRecord = onRecord;
    this.end = start;
  }

  get records(): number {
    return this.end - this.#start;
  }

  push(chunk: Uint8Array): void {
    const chunkEnd = this.end + chunk.length;
    while (this.#onRecord !== undefined && this.end < chunkEnd) {
      const start = this.end;
      this.end += 1;
      this.#onRecord({ start, end: this.end });
    }
    this.end = chunkEnd;
  }
}
