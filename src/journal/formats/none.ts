import { RigError } from '../../kernel/errors.ts';
import { showOffset } from '../../kernel/offset.ts';
import type { JournalFormat } from '../contract.ts';

/** No journal at all: the archive holds snapshots, and their offsets are whatever the application counts. */
export const noneFormat: JournalFormat = {
  name: 'none',
  unit: 'byte',
  summary: 'no journal; every snapshot can be restored at its own offset',
  cutsAnywhere: true,
  createDecoder: (start) => ({
    records: 0,
    end: start,
    pendingBytes: 0,
    push(chunk) {
      if (chunk.length > 0) {
        throw new RigError('RIG_RECORD_MALFORMED', `there is a record at offset ${showOffset(start)}`, {
          hint: 'an archive of format none holds snapshots only: find out what wrote a batch there',
          details: { offset: start },
        });
      }
    },
  }),
};
