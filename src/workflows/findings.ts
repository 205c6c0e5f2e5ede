import { meaningOf } from '../archive/layout.ts';
import type { RigError } from '../kernel/errors.ts';
import type { Offset } from '../kernel/offset.ts';

/** Something that `verify` found. Codes are RIG_… for damage, kebab-case for warnings. */
export interface Finding {
  readonly code: string;
  readonly object: string | null;
  readonly offset: Offset | null;
  readonly message: string;
  /** What it concerns, where that is a range. */
  readonly from?: Offset;
  readonly to?: Offset;
}

/** So many are listed; an archive of which everything is gone must not fill the memory. */
const LISTED_LIMIT = 1_000;

/** Findings in the order they were made. */
export class Findings {
  readonly #listed: Finding[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(finding: Finding): void {
    this.#count += 1;
    if (this.#listed.length < LISTED_LIMIT) {
      this.#listed.push(finding);
    }
  }

  /** An error as a finding; where it does not name the object or the offset itself, these do. */
  addError(error: RigError, object: string | null = null, code: string = error.code): void {
    const { message, details } = error;
    const named = typeof details['object'] === 'string' ? details['object'] : object;
    const offset = typeof details['offset'] === 'number' ? details['offset'] : offsetOf(named);
    this.add({ code, object: named, offset, message });
  }

  /** The first ones, and a last entry that counts the others. */
  list(): Finding[] {
    const more = this.#count - this.#listed.length;
    const last = this.#listed.at(-1);
    return more === 0 || last === undefined
      ? this.#listed
      : [...this.#listed, { code: last.code, object: null, offset: null, message: `and ${more} more` }];
  }
}

/** Where a batch starts, or what a snapshot is of. */
function offsetOf(key: string | null): Offset | null {
  const meaning = key === null ? undefined : meaningOf(key);
  switch (meaning?.kind) {
    case 'batch':
      return meaning.first;
    case 'snapshot':
      return meaning.at;
    default:
      return null;
  }
}
