import { RigError } from '../../src/kernel/errors.ts';
import type {
  CallOptions,
  Capabilities,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectInfo,
  PutBody,
  PutOptions,
  PutResult,
  Store,
  StoredObject,
} from '../../src/store/contract.ts';
import type { Dice } from './dice.ts';
import { LAG_LIMIT_MS } from './listings.ts';
import type { Place } from './place.ts';
import type { Process } from './process.ts';
import { type Forecast, type GetFault, type PutFault, unavailable } from './weather.ts';

const DAY_MS = 86_400_000;
/** A request on its way, one direction. */
const LATENCY_MS = [1, 40] as const;
/** How long a slow answer takes, and how long a client waits for one that never comes. */
const SLOW_MS = [200, 18_000] as const;

/** As many calls at a time as the store finds worth having, and a put with a look; twice that is too much. */
const UNDER_WAY_LIMIT = 8;

/** What a process asked of the store, and when by its own monotonic clock. */
export interface StoreCall {
  /** `page`: a listing goes on. */
  readonly name: 'get' | 'head' | 'put' | 'list' | 'page' | 'delete';
  readonly key: string;
  readonly sentMs: number;
  /** Undefined until it is answered; an error counts as an answer. */
  answer: { readonly atMs: number; readonly what: string } | undefined;
  /** Of a put. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * The store as one process reaches it, with the faults of the weather. Keeps the store's contract: what was put
 * before a listing started is in it, what a get shows is the whole object or an error, "exists" is never said of a
 * key that is free. In some scenes listings lag, which the contract excludes and some stores do: a page lacks what was
 * put in the last minute and shows what was removed in it, each page by its own age; other answers are as fresh as
 * ever. Every promise holds there too, but these: a restore may be refused, or a state be built on an older snapshot; a
 * prune judges by the snapshots that it is shown, and cannot spare what an increment needs that has just landed long
 * after its writer gave it up.
 */
export class ProcessStore implements Store {
  readonly url = 'memory:';
  readonly capabilities: Capabilities;
  readonly calls: StoreCall[] = [];
  readonly #process: Process;
  readonly #place: Place;
  readonly #forecast: Forecast;
  readonly #onCall: (call: StoreCall) => void;
  /** Calls that are not answered, and bodies that are neither read to their end nor left. */
  #underWay = 0;
  /** When the listing began that plans are made from. */
  #plannedWallMs = 0;

  constructor(process: Process, place: Place, forecast: Forecast, onCall: (call: StoreCall) => void) {
    this.#process = process;
    this.#place = place;
    this.#forecast = forecast;
    this.#onCall = onCall;
    this.capabilities = place.store.capabilities;
  }

  get(key: string, options: GetOptions = {}): Promise<StoredObject | undefined> {
    return this.#call('get', key, options, async () => {
      const fault = this.#struck('get', this.#forecast.forGet(this.#process.dice));
      await this.#send(fault, key, options);
      const object = await this.#place.store.get(key, { range: options.range });
      await this.#receive(fault, key, options);
      if (object !== undefined) {
        this.#begin();
      }
      return object && { ...object, ...this.#storeTime(), body: this.#body(object, fault, key, options) };
    });
  }

  head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#call('head', key, options, async () => {
      await this.#send(undefined, key, options);
      const info = await this.#place.store.head(key);
      return info && { ...info, ...this.#storeTime() };
    });
  }

  async put(key: string, body: PutBody, options: PutOptions): Promise<PutResult> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body.open()) {
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    return this.#call('put', key, options, () => this.#put(key, bytes, options), bytes);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    const { dice } = this.#process;
    let { after } = options;
    if (prefix === 'LOG/' && after === undefined) {
      this.#plannedWallMs = this.#process.universe.wallMs;
    }
    for (;;) {
      const what = `${prefix} after ${after ?? 'nothing'}`;
      const objects = await this.#call(after === options.after ? 'list' : 'page', what, options, async () => {
        const fault = this.#struck('list', this.#forecast.forList(dice));
        const common = fault === 'cut' ? undefined : fault;
        await this.#send(common, prefix, options);
        const found = this.#page(prefix, after);
        await this.#receive(common, prefix, options);
        return { ...found, isCut: fault === 'cut' };
      });
      yield* objects.listed;
      if (objects.isCut) {
        throw unavailable(`list ${what}`);
      }
      if (objects.isLast) {
        return;
      }
      after = objects.listed.at(-1)?.key;
    }
  }

  delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    return this.#call('delete', keys.join(' '), options, () => this.#remove(keys, options));
  }

  async close(): Promise<void> {}

  async #put(key: string, bytes: Uint8Array, { signal, if: condition }: PutOptions): Promise<PutResult> {
    const { dice } = this.#process;
    const fault = this.#struck('put', this.#forecast.forPut(dice));
    if (fault === 'late') {
      void this.#place.landAfter(dice.scaled(100, DAY_MS), key, bytes, condition).then((landed) => {
        this.#process.universe.count(`late put: ${landed}`);
        if (landed === 'stored') {
          this.#place.landedLate.add(key);
        }
      });
      await this.#process.pass(dice.scaled(...SLOW_MS), signal);
      throw unavailable(`put ${key}`);
    }
    if (fault === 'before' || fault === 'refused') {
      await this.#send(fault, key, { signal });
    }
    if (this.#process.lingers) {
      await this.#process.pass(LATENCY_MS[1], signal); // where it sleeps now, the rest leaves when it wakes
    }
    const isSlow = fault === 'slow' && dice.chance(0.5);
    const underWayMs = isSlow ? dice.scaled(...SLOW_MS) : dice.between(...LATENCY_MS);
    const landing = this.#place.landAfter(underWayMs, key, bytes, condition);
    const landed = await abortable(landing, signal);
    if (!this.#process.isAlive) {
      this.#process.universe.count(`put of one that was killed: ${landed}`);
    }
    await this.#receive(fault === 'exists' ? undefined : fault, key, { signal });
    if (landed === 'exists' || (fault === 'exists' && condition === 'absent')) {
      throw new RigError('RIG_OBJECT_EXISTS', `${key} exists already`, { details: { object: key } });
    }
    return this.#storeTime();
  }

  async #remove(keys: readonly string[], { signal }: CallOptions): Promise<void> {
    const { dice } = this.#process;
    const fault = this.#struck('delete', this.#forecast.forRemoval(dice));
    const { staleListings, universe } = this.#process;
    const unseenSinceMs = this.#plannedWallMs - (staleListings > 0 ? LAG_LIMIT_MS : 0);
    if (fault === 'late') {
      void this.#place.removeAfter(dice.scaled(100, DAY_MS), keys, unseenSinceMs);
      await this.#process.pass(dice.scaled(...SLOW_MS), signal);
      throw unavailable('delete');
    }
    if (fault === 'before' || fault === 'refused') {
      await this.#send(fault, 'delete', { signal });
    }
    if (staleListings > 0) {
      universe.count('stale listing: one who removes saw it');
    }
    const reached = fault === 'cut' ? keys.slice(0, dice.whole(0, keys.length - 1)) : keys;
    await abortable(this.#place.removeAfter(dice.between(...LATENCY_MS), reached, unseenSinceMs), signal);
    await this.#receive(fault === 'cut' ? 'after' : fault, 'delete', { signal });
  }

  #page(prefix: string, after: string | undefined) {
    const { dice, universe } = this.#process;
    const limit = Math.floor(dice.scaled(3, 1_000));
    const lagMs = this.#forecast.lagMs(dice);
    const page = this.#place.listings.page({ prefix, after, limit, lagMs });
    if (page.isStale) {
      this.#process.staleListings += 1;
      this.#process.note(`list ${prefix}: as it was ${Math.round(lagMs)} ms ago`);
      universe.count(`stale listing of ${prefix === '' ? 'everything' : prefix}`);
    }
    return page;
  }

  /** The way to the store: comes back when the request is there. */
  async #send(fault: GetFault | PutFault | undefined, key: string, { signal }: CallOptions): Promise<void> {
    const { dice } = this.#process;
    await this.#process.pass(dice.between(...LATENCY_MS), signal);
    if (fault === 'before') {
      throw unavailable(key);
    }
    if (fault === 'refused') {
      throw unavailable(key, dice.scaled(100, 10_000));
    }
  }

  /** The way back. */
  async #receive(
    fault: GetFault | PutFault | undefined,
    key: string,
    { signal }: CallOptions,
  ): Promise<void> {
    const { dice } = this.#process;
    const isSlow = fault === 'slow' || fault === 'lost';
    await this.#process.pass(isSlow ? dice.scaled(...SLOW_MS) : dice.between(...LATENCY_MS), signal);
    if (fault === 'lost' || fault === 'after') {
      throw unavailable(key);
    }
  }

  async *#body(
    { body, sizeBytes }: StoredObject,
    fault: GetFault | undefined,
    key: string,
    { signal }: CallOptions,
  ): AsyncIterable<Uint8Array> {
    const { dice } = this.#process;
    // Nothing but batches and snapshots can tell that a byte of them is another one.
    const strikes =
      fault === 'cut' || fault === 'short' || (fault === 'corrupt' && /^(LOG|SNAPSHOT)\//.test(key));
    let untilStrike = strikes ? dice.whole(0, Math.max(0, sizeBytes - 1)) : Number.POSITIVE_INFINITY;
    try {
      for await (const piece of pieces(body, dice)) {
        await this.#process.pass(dice.between(0, 2), signal);
        if (untilStrike >= piece.length) {
          untilStrike -= piece.length;
          yield piece;
          continue;
        }
        if (fault === 'cut') {
          yield piece.subarray(0, untilStrike);
          throw unavailable(`body of ${key}`);
        }
        this.#process.corruptions += 1;
        if (fault === 'short') {
          yield piece.subarray(0, untilStrike);
          return;
        }
        piece[untilStrike] = (piece[untilStrike] ?? 0) ^ dice.whole(1, 255);
        untilStrike = Number.POSITIVE_INFINITY;
        yield piece;
      }
    } finally {
      this.#underWay -= 1;
    }
  }

  #storeTime(): PutResult {
    return this.#place.tellsTime ? { storeTimeMs: Math.floor(this.#process.universe.wallMs) } : {};
  }

  #struck<Fault extends string>(name: string, fault: Fault | undefined): Fault | undefined {
    if (fault !== undefined) {
      this.#process.faults += 1;
      this.#process.note(`${name}: ${fault}`);
      this.#process.universe.count(`fault: ${name} ${fault}`);
    }
    return fault;
  }

  /** What a program has under way is what it holds in memory: so much of it at most, however long an archive is. */
  #begin(): void {
    this.#underWay += 1;
    if (this.#underWay > UNDER_WAY_LIMIT) {
      this.#process.universe.violate(
        `${this.#process.name} has ${this.#underWay} calls and bodies under way`,
      );
    }
  }

  /** Notes a call and its answer. */
  async #call<Result>(
    name: StoreCall['name'],
    key: string,
    { signal }: CallOptions,
    work: () => Promise<Result>,
    bytes?: Uint8Array,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const { clock } = this.#process;
    const call: StoreCall = { name, key, sentMs: clock.monotonicMs(), answer: undefined, bytes };
    this.calls.push(call);
    this.#process.note(`${name} ${key}`);
    this.#onCall(call);
    this.#begin();
    const answered = (what: string) => {
      this.#underWay -= 1;
      call.answer = { atMs: clock.monotonicMs(), what };
      this.#process.note(`${name} ${key}: ${what}`);
    };
    try {
      const result = await work();
      answered(result === undefined ? 'absent' : 'ok');
      return result;
    } catch (error) {
      answered(error instanceof RigError ? error.code : String(error));
      throw error;
    }
  }
}

/** A body in pieces of any size, each of them a copy. */
async function* pieces(body: AsyncIterable<Uint8Array>, dice: Dice): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    for (let start = 0; start < chunk.length; ) {
      const piece = new Uint8Array(chunk.subarray(start, start + dice.whole(200, 20_000)));
      start += piece.length;
      yield piece;
    }
  }
}

/** Aborting leaves the work alone and tells the caller at once. */
function abortable<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
  });
}
