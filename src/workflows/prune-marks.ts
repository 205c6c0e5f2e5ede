import type { ListedBatch } from '../archive/catalog.ts';
import { EXPENDABLE } from '../archive/expendable.ts';
import type { RetentionPlan } from '../archive/plan-retention.ts';
import { mapInOrder } from '../kernel/concurrency.ts';
import type { Tagging, Tags } from '../store/contract.ts';
import type { Context } from './context.ts';

/** An object of S3 has no more. */
const TAGS_LIMIT = 10;
/** So many neighbours speak for those beyond them. */
const LEAST_NEIGHBOURS = 16;

/**
 * Marks objects for the lifecycle rules, and takes marks back. Batches are marked upwards and unmarked downwards, so
 * that marks always reach from the lowest batch to some other, wherever it is interrupted: their end says where they
 * are, and a run need not ask about each of a hundred thousand batches again.
 */
export class Marker {
  readonly #context: Context;
  readonly #tagging: Tagging;
  readonly #neighbours: number;

  constructor(context: Context, tagging: Tagging) {
    this.#context = context;
    this.#tagging = tagging;
    this.#neighbours = Math.max(LEAST_NEIGHBOURS, context.store.capabilities.parallelCalls);
  }

  /**
   * Marks these, which are in ascending order when they are batches. Keeps the tags that others gave. May be repeated.
   */
  async mark(keys: readonly string[]): Promise<void> {
    const last = keys.slice(-this.#neighbours);
    if ((await this.#marked(last)).length < last.length) {
      await this.#each(keys, async (key, tags) => {
        if (isMarked(tags)) {
          return;
        }
        if (Object.keys(tags).length >= TAGS_LIMIT) {
          this.#warnOfFull(key);
        } else {
          await this.#set(key, { ...tags, ...EXPENDABLE });
        }
      });
    }
  }

  /** A policy that keeps more than the one before it may need what was marked then. May be repeated. */
  async unmarkKept({ batches, snapshots }: Pick<RetentionPlan, 'batches' | 'snapshots'>): Promise<void> {
    const kept = snapshots.flatMap(({ keep, key }) => (keep ? key : []));
    const keptBatches = batches.flatMap(({ keep, objects }) => (keep ? objects : []));
    const marked = [...(await this.#markedFromBelow(keptBatches)), ...(await this.#marked(kept))];
    await this.#each(marked.reverse(), async (key, tags) => {
      const others = Object.entries(tags).filter(([name]) => !(name in EXPENDABLE));
      await this.#set(key, Object.fromEntries(others));
    });
    if (marked.length > 0) {
      this.#context.report({
        type: 'note',
        code: 'unmarked',
        message: `${marked.length} objects that were marked as expendable are kept by this policy: unmarked`,
        details: { objects: marked.length },
      });
    }
  }

  /** The marked ones at the beginning of these, which ascend. */
  async #markedFromBelow(batches: readonly ListedBatch[]): Promise<string[]> {
    const marked: string[] = [];
    for (let start = 0; start < batches.length; start += this.#neighbours) {
      const found = await this.#marked(batches.slice(start, start + this.#neighbours).map(({ key }) => key));
      if (found.length === 0) {
        break;
      }
      marked.push(...found);
    }
    return marked;
  }

  async #marked(keys: readonly string[]): Promise<string[]> {
    const marked: string[] = [];
    await this.#each(keys, async (key, tags) => {
      if (isMarked(tags)) {
        marked.push(key);
      }
    });
    return marked;
  }

  /** Reads the tags of objects that are there, several at a time. */
  async #each(keys: readonly string[], work: (key: string, tags: Tags) => Promise<void>): Promise<void> {
    const { store, stop: signal } = this.#context;
    const works = mapInOrder(keys, store.capabilities.parallelCalls, async (key) => {
      const tags = await this.#tagging.getTags(key, { signal });
      if (tags !== undefined) {
        await work(key, tags);
      }
    });
    for await (const _ of works) {
      signal.throwIfAborted();
    }
  }

  async #set(key: string, tags: Tags): Promise<void> {
    await this.#tagging.setTags(key, tags, { signal: this.#context.stop });
  }

  #warnOfFull(key: string): void {
    this.#context.report({
      type: 'warning',
      code: 'cannot-mark',
      message: `${key} has ${TAGS_LIMIT} tags of others and no room for the mark`,
      hint: 'take one of its tags away, or run "rigctl prune" without --mark',
      details: { object: key },
    });
  }
}

function isMarked(tags: Tags): boolean {
  return Object.entries(EXPENDABLE).every(([name, value]) => tags[name] === value);
}
