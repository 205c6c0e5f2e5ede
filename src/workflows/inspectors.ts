import type { Inspector } from '../archive/audit-batch.ts';
import type { BatchHead } from '../archive/batch-object.ts';
import { damaged } from '../archive/damage.ts';
import type { JournalFormat } from '../journal/contract.ts';
import type { Journal } from '../journal/tail.ts';
import { RigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';

/** Decodes a batch's records: it must hold whole ones, as many as it says. */
export function recordInspector(format: JournalFormat, { key, header }: BatchHead): Inspector {
  const decoder = format.createDecoder(header.first);
  return {
    push: (bytes) => decoder.push(bytes),
    end() {
      if (decoder.pendingBytes > 0) {
        throw damaged(key, `its last record, at offset ${showOffset(decoder.end)}, is unfinished`, {
          code: 'RIG_RECORD_TORN',
          details: { offset: decoder.end },
        });
      }
      if (decoder.records !== header.records) {
        throw damaged(key, `it holds ${decoder.records} records instead of ${header.records}`, {
          code: 'RIG_RECORD_MALFORMED',
          details: { offset: header.first },
        });
      }
    },
  };
}

/** Compares a batch with the local journal, as far as that one reaches. */
export function journalInspector(journal: Journal, { key, header }: BatchHead): Inspector {
  return compareWithJournal(journal, key, header.first);
}

/** Compares what the object `key` holds of the journal from `first` on with the local one, as far as that reaches. */
export function compareWithJournal(journal: Journal, key: string, first: Offset): Inspector {
  let offset = first;
  return {
    async push(bytes) {
      const start = offset;
      offset += bytes.length;
      if (start >= journal.seenEnd) {
        return;
      }
      const local = Buffer.alloc(Math.min(offset, journal.seenEnd) - start);
      await journal.readInto(local, start);
      const different = firstDifference(bytes, local);
      if (different !== undefined) {
        throw diverged(key, journal.path, start + different);
      }
    },
    end() {},
  };
}

/** The first index below the shorter one's end at which two arrays differ. */
function firstDifference(bytes: Uint8Array, others: Uint8Array): number | undefined {
  if (Buffer.compare(bytes.subarray(0, others.length), others) === 0) {
    return undefined;
  }
  const index = others.findIndex((byte, at) => byte !== bytes[at]);
  return index === -1 ? undefined : index;
}

function diverged(key: string, path: string, offset: Offset): RigError {
  return new RigError('RIG_DIVERGED', `journal ${path} differs from ${key} at offset ${showOffset(offset)}`, {
    hint: 'find out what changed the journal; what is archived is what was pushed',
    details: { object: key, offset, path },
  });
}
