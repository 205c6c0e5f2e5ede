import type { JournalFormat } from '../../src/journal/contract.ts';
import { linesFormat } from '../../src/journal/formats/lines.ts';
import { RigError } from '../../src/kernel/errors.ts';

const EXCLAMATION_MARK = 0x21;

/** Lines of which none may begin with an exclamation mark. */
export const strictLinesFormat: JournalFormat = {
  ...linesFormat,
  createDecoder: (start, onRecord) => {
    const decoder = linesFormat.createDecoder(start, onRecord);
    return {
      get records() {
        return decoder.records;
      },
      get end() {
        return decoder.end;
      },
      get pendingBytes() {
        return decoder.pendingBytes;
      },
      push(chunk) {
        for (const byte of chunk) {
          if (byte === EXCLAMATION_MARK && decoder.pendingBytes === 0) {
            throw new RigError('RIG_RECORD_MALFORMED', 'a bad line', { details: { offset: decoder.end } });
          }
          decoder.push(Uint8Array.of(byte));
        }
      },
    };
  },
};
