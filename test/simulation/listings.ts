import type { ListedObject } from '../../src/store/contract.ts';
import type { MemoryNamespace } from '../../src/store/drivers/memory.ts';

/** No listing is older than this. */
export const LAG_LIMIT_MS = 60_000;

/** A key that was put, replaced or removed, and what listings had shown of it until then. */
interface Change {
  readonly atMs: number;
  readonly key: string;
  readonly before: ListedObject | undefined;
}

/** Which names are asked for, as they were `lagMs` ago. */
interface Question {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
  readonly lagMs: number;
}

interface Page {
  readonly listed: readonly ListedObject[];
  readonly isLast: boolean;
}

/** What listings of a place show: what is there, or what was there up to a minute ago. Forgets what is older. */
export class Listings {
  readonly #objects: MemoryNamespace['objects'];
  readonly #wallMs: () => number;
  #changes: Change[] = [];

  constructor({ objects }: MemoryNamespace, wallMs: () => number) {
    this.#objects = objects;
    this.#wallMs = wallMs;
  }

  /** To be called just before a key changes. */
  noteChange(key: string): void {
    const atMs = this.#wallMs();
    const remembered = this.#changes.filter((change) => change.atMs > atMs - LAG_LIMIT_MS);
    this.#changes = [...remembered, { atMs, key, before: this.#listed(key) }];
  }

  /** `isStale`: what is there now would have made another page. */
  page(question: Question): Page & { readonly isStale: boolean } {
    const past = this.#past(question.lagMs);
    const page = this.#page(question, past);
    const isStale = past.size > 0 && !isSame(page, this.#page(question, new Map()));
    return { ...page, isStale };
  }

  /** Of the keys that have changed since then, what they were. */
  #past(lagMs: number): ReadonlyMap<string, ListedObject | undefined> {
    const sinceMs = this.#wallMs() - lagMs;
    const changes = this.#changes.filter(({ atMs }) => atMs > sinceMs).reverse();
    return new Map(changes.map(({ key, before }) => [key, before]));
  }

  #page({ prefix, after = '', limit }: Question, past: ReadonlyMap<string, ListedObject | undefined>): Page {
    const listed = [...new Set([...this.#objects.keys(), ...past.keys()])]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .flatMap((key) => (past.has(key) ? past.get(key) : this.#listed(key)) ?? []);
    return { listed: listed.slice(0, limit), isLast: listed.length <= limit };
  }

  #listed(key: string): ListedObject | undefined {
    const object = this.#objects.get(key);
    return object && { key, sizeBytes: object.sizeBytes, modifiedAtMs: object.modifiedAtMs };
  }
}

function isSame(one: Page, other: Page): boolean {
  const keys = (page: Page) => page.listed.map(({ key }) => key).join(' ');
  return one.isLast === other.isLast && keys(one) === keys(other);
}
