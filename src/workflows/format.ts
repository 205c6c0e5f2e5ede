import type { Descriptor } from '../archive/descriptor.ts';
import type { JournalFormat } from '../journal/contract.ts';
import { findFormat, JOURNAL_FORMATS } from '../journal/registry.ts';
import { RigError } from '../kernel/errors.ts';

/** The format that an archive's descriptor names. */
export function formatOf(descriptor: Descriptor): JournalFormat {
  const format = findFormat(descriptor.format);
  if (format === undefined) {
    throw new RigError('RIG_VERSION_UNKNOWN', `the archive's format ${descriptor.format} is not known`, {
      hint: 'use a newer rigctl',
      details: { format: descriptor.format, known: JOURNAL_FORMATS.map(({ name }) => name) },
    });
  }
  return format;
}
