/** A bug, planted by changing a piece of the source text. */
export interface Canary {
  readonly name: string;
  /** Below src/. */
  readonly module: string;
  /** Stands there exactly once. */
  readonly original: string;
  readonly planted: string;
  /** The promise whose break shows it. */
  readonly caughtBy: RegExp;
}

/**
 * The mistakes that others made with such protocols.
 */
export const CANARIES: readonly Canary[] = [
  {
    name: 'takes "exists" for its own success',
    module: 'archive/writer.ts',
    original: 'return { stored: false, failure: goneAgain(key, error) };',
    planted: 'return { stored: true, result: {} };',
    caughtBy: /reports \d+ durable|landed (on an archive|after one of epoch)|long overtaken/,
  },
  {
    name: 'takes "exists" for a conflict',
    module: 'archive/writer.ts',
    original: 'return { stored: false, failure: goneAgain(key, error) };',
    planted: `throw new RigError('RIG_FENCED', 'the key is taken');`,
    caughtBy: /fails without cause: RIG_FENCED/,
  },
  {
    name: 'takes an unknown outcome for success',
    module: 'archive/writer.ts',
    original: 'return { stored: false, failure: error };',
    planted: 'return { stored: true, result: {} };',
    caughtBy: /reports \d+ durable|landed on an archive/,
  },
  {
    name: 'reports a batch before its put has returned',
    module: 'workflows/appending.ts',
    original: 'const appended = await this.#writer.append(batch, this.#journal, signal);',
    planted: `this.#context.report({ type: 'durable', durable: batch.header.end, lagBytes: 0, lagMs: 0 });
    const appended = await this.#writer.append(batch, this.#journal, signal);`,
    caughtBy: /reports \d+ durable/,
  },
  {
    name: 'adopts what is there without comparing it',
    module: 'archive/writer.ts',
    original: 'await this.#mustBeJournal(found, journal);',
    planted: '',
    caughtBy: /reports \d+ durable|mixes histories/,
  },
  {
    name: 'starts without comparing archive and journal',
    module: 'archive/compare.ts',
    original: 'await compare(healthy, last);',
    planted: '',
    caughtBy:
      /reports \d+ durable|mixes histories|is not what the archive holds|without cause: RIG_LOCAL_BEHIND/,
  },
  {
    name: 'goes on after a newer writer has stored a batch',
    module: 'archive/writer.ts',
    original: 'if (header.epoch > this.epoch) {',
    planted: 'if (header.epoch > this.epoch + 1_000) {',
    caughtBy: /landed after one of epoch/,
  },
  {
    name: 'never looks for a successor',
    module: 'archive/lookout.ts',
    original: 'const LOOK_EVERY_MS = 10_000;',
    planted: 'const LOOK_EVERY_MS = 10_000_000;',
    caughtBy: /long overtaken/,
  },
  {
    name: 'skips the fdatasync',
    module: 'archive/writer.ts',
    original: 'await journal.syncData();\n    const attempts',
    planted: 'const attempts',
    caughtBy: /after a power loss|RIG_LOCAL_BEHIND/,
  },
  {
    name: 'ends a follower when the store is away',
    module: 'workflows/push-run.ts',
    original: 'const deadlineMs = this.#options.follow ? undefined : this.#options.deadlineMs;',
    planted: 'const deadlineMs = this.#options.follow ? 5_000 : this.#options.deadlineMs;',
    caughtBy: /fails without cause: RIG_STORE_UNAVAILABLE/,
  },
  {
    name: 'takes no full look after a long absence',
    module: 'archive/lookout.ts',
    original: '>= AWAY_MS;',
    planted: '>= 1_000 * AWAY_MS;',
    caughtBy: /reports \d+ durable|landed on an archive/,
  },
  {
    name: 'takes no full look after a put that it slept through',
    module: 'archive/lookout.ts',
    original: 'if (wasAway || isLong(anchor, { ...this.#now(), storeTimeMs })) {',
    planted: 'if (wasAway) {',
    caughtBy: /reports \d+ durable|landed on an archive/,
  },
  {
    name: 'does not look before a snapshot',
    module: 'archive/snapshot-writer.ts',
    original: 'await look();',
    planted: '',
    caughtBy: /without a look/,
  },
  {
    name: 'prunes what was superseded a moment ago',
    module: 'archive/retention-history.ts',
    original: 'export const GRACE_MS = 86_400_000;',
    planted: 'export const GRACE_MS = 1_000;',
    caughtBy: /is removed although/,
  },
  {
    name: 'removes a snapshot before those built on it',
    module: 'archive/plan-retention.ts',
    original: 'yield* plan.snapshots.filter(({ keep }) => !keep).reverse();',
    planted: 'yield* plan.snapshots.filter(({ keep }) => !keep);',
    caughtBy: /is removed although SNAPSHOT.* is built on it/,
  },
  {
    name: 'puts LATEST before the snapshot',
    module: 'workflows/make-snapshot.ts',
    original: 'const outcome = await this.#snapshotWriter.put(sealed, signal);',
    planted: `const early = { lengthBytes: undefined, open: () => [Buffer.from(at.toString(16))] };
    await this.#context.store.put('LATEST', early, { if: 'any', signal });
    const outcome = await this.#snapshotWriter.put(sealed, signal);`,
    caughtBy: /LATEST says/,
  },
  {
    name: 'gives a snapshot a cut that is too high',
    module: 'archive/cut-at.ts',
    original: '{ offset: header.first, chain: header.prev };',
    planted: '{ offset: at, chain: header.chain };',
    caughtBy: /says that its cut is/,
  },
  {
    name: 'takes the last batch that is listed for the last there is',
    module: 'archive/unlisted.ts',
    original: 'last = await batchAt(store, end, options);',
    planted: 'last = undefined;',
    caughtBy:
      /fails without cause: RIG_CHAIN_GAP|where it was asked for|finds (only )?\[|than the (first|journal)/,
  },
  {
    name: 'fetches all batches at once',
    module: 'archive/reader.ts',
    original: 'calls: store.capabilities.parallelCalls,',
    planted: 'calls: 1_000,',
    caughtBy: /calls and bodies under way/,
  },
  {
    name: 'leaves behind what it could not restore',
    module: 'workflows/restore-target.ts',
    original: 'await targets.discard();\n      throw error;',
    planted: 'throw error;',
    caughtBy: /failed, and it leaves/,
  },
  {
    name: 'names what it restores before it is complete',
    module: 'workflows/target.ts',
    original: 'await this.#handle.sync();\n      await this.#checkLength();',
    planted: 'await this.#checkLength();',
    caughtBy: /had restored something, and it is gone|killed, and there are/,
  },
];
