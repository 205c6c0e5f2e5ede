import { assert } from '../kernel/assert.ts';
import type { FormatName, JournalFormat } from './contract.ts';
import { bytesFormat } from './formats/bytes.ts';
import { linesFormat } from './formats/lines.ts';
import { noneFormat } from './formats/none.ts';

/** Every journal format there is, the default first. */
export const JOURNAL_FORMATS: readonly JournalFormat[] = [bytesFormat, linesFormat, noneFormat];

/** The format a user named, or undefined when there is none of that name. */
export function findFormat(name: string): JournalFormat | undefined {
  return JOURNAL_FORMATS.find((format) => format.name === name);
}

/** The format of a name already known to be one, as an archive's descriptor gives it. */
export function formatNamed(name: FormatName): JournalFormat {
  const format = findFormat(name);
  assert(format !== undefined, `journal format ${name} is registered`);
  return format;
}
