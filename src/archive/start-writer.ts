import { Attempts, type RetryPolicy } from '../kernel/attempts.ts';
import { formatTime } from '../kernel/clock.ts';
import { isRigError, RigError } from '../kernel/errors.ts';
import type { Reporter } from '../kernel/report.ts';
import type { Store } from '../store/contract.ts';
import { type Claim, claimBody, readClaim, showClaim, type WriterMode } from './claim.ts';
import { compareWithJournal } from './compare.ts';
import { createOnce } from './create-once.ts';
import { meaningOf, WRITER_PREFIX, writerKey } from './layout.ts';
import type { LocalJournal } from './local-journal.ts';
import { ArchiveMoved, fencedBy, Lookout } from './lookout.ts';
import { type Survey, surveyArchive } from './survey.ts';
import { Writer } from './writer.ts';

/** Who wants to append. */
export interface WriterIdentity {
  /** A UUID of this start: never used twice. */
  readonly owner: string;
  readonly mode: WriterMode;
  readonly host: string;
  readonly pid: number;
}

export interface StartOptions {
  readonly store: Store;
  readonly policy: RetryPolicy;
  readonly report: Reporter;
  /** Undefined: nothing will be appended. */
  readonly journal: LocalJournal | undefined;
  readonly identity: WriterIdentity;
  /** Go on although the store ignores create-only puts, with a warning: two writers may then lose data. */
  readonly unsafeNoFencing: boolean;
  readonly signal: AbortSignal;
}

/** A writer on another host needs so long to notice a claim: one look, and the put beside it. */
const NOTICE_MS = 15_000;

/**
 * Claims the archive and gives the writer that may append to it from then on. `survey` was made and compared with the
 * journal by the caller; nothing has been written until then.
 *
 * @throws RigError RIG_STORE_UNSUPPORTED the store ignores create-only puts; RIG_FENCED a still newer writer came;
 *   RIG_DIVERGED or RIG_LOCAL_BEHIND the archive moved meanwhile and the journal does not go on from it
 * @throws ArchiveMoved a still newer writer came and cannot be named: start again
 */
export async function startWriter(survey: Survey, options: StartOptions): Promise<Writer> {
  const { store, policy, report, journal, identity, signal } = options;
  const { claim, previous, sentMs } = await claimEpoch(survey, options);
  await probe(claim, options);
  if (previous !== undefined && previous.mode === 'follow' && previous.host !== identity.host) {
    report({
      type: 'note',
      code: 'waiting-for-predecessor',
      message: `taking over from ${showClaim(previous)}; giving it 15 s to notice`,
    });
    await policy.clock.sleep(NOTICE_MS, signal);
  }
  const lookout = new Lookout(store, policy.clock, claim.epoch, sentMs);
  const current = await surveyArchive(store, survey.descriptor, { signal });
  if (current.newestClaim !== undefined && current.newestClaim.epoch > claim.epoch) {
    throw fencedBy(current.newestClaim);
  }
  if (current.tail.epoch > claim.epoch) {
    // Its claim was not listed yet. Going on here would put an older writer's batch after its own.
    await lookout.look(signal);
    throw new ArchiveMoved(`the writer of epoch ${current.tail.epoch} has stored something meanwhile`);
  }
  if (journal !== undefined && hasMoved(survey, current) && current.tail.last !== undefined) {
    await compareWithJournal(store, current.catalog, current.tail.last, journal, { signal });
  }
  return new Writer(survey.descriptor.id, claim.epoch, store, policy, lookout, current.tail);
}

function hasMoved(before: Survey, now: Survey): boolean {
  return (
    before.tail.chain !== now.tail.chain ||
    before.catalog.snapshots.at(-1)?.at !== now.catalog.snapshots.at(-1)?.at
  );
}

interface Claimed {
  readonly claim: Claim;
  /** The claim of the epoch before. */
  readonly previous: Claim | undefined;
  /** When the claim that was stored was sent, monotonic. */
  readonly sentMs: number;
}

/** Creates the claim of the next free epoch. The newest that is listed may have been pruned, but counts. */
async function claimEpoch(survey: Survey, options: StartOptions): Promise<Claimed> {
  const { policy, identity } = options;
  let previous = survey.newestClaim;
  for (let epoch = (survey.catalog.writers.at(-1)?.epoch ?? 0) + 1; ; epoch += 1) {
    const claim: Claim = {
      epoch,
      ...identity,
      startedAt: formatTime(policy.clock.wallMs()),
      durable: survey.tail.durable,
      chain: survey.tail.chain,
      descriptor: survey.descriptor,
    };
    const sentMs = policy.clock.monotonicMs();
    const stored = await putClaim(claim, options);
    if (stored.owner === claim.owner) {
      return { claim, previous, sentMs };
    }
    previous = stored;
  }
}

/** Puts a claim until the epoch has an owner, and gives that one's claim. */
async function putClaim(claim: Claim, { store, policy, signal }: StartOptions): Promise<Claim> {
  const creation = {
    key: writerKey(claim.epoch),
    body: claimBody(claim),
    read: async () => (await readClaim(store, claim.epoch, { signal }))?.claim,
  };
  return (await createOnce(store, creation, policy, signal)) ?? claim;
}

/** The claim is stored, so the same put must be refused now; a store that takes it would let two writers mix. */
async function probe(claim: Claim, options: StartOptions): Promise<void> {
  const { store, policy, report, unsafeNoFencing, signal } = options;
  const key = writerKey(claim.epoch);
  const attempts = new Attempts(`put ${key}`, policy, signal);
  for (;;) {
    try {
      await store.put(key, claimBody(claim), { if: 'absent', signal });
      break;
    } catch (error) {
      signal.throwIfAborted();
      if (isRigError(error, 'RIG_OBJECT_EXISTS')) {
        return;
      }
      await attempts.pauseAfter(error);
    }
  }
  // A writer that slept for a day here finds its claim pruned: then the put was right to succeed.
  await throwIfSucceeded(claim, options);
  const message = `${store.url} ignores create-only puts: two writers could overwrite each other's data`;
  if (!unsafeNoFencing) {
    throw new RigError('RIG_STORE_UNSUPPORTED', message, {
      hint:
        'use a store that honours If-None-Match, or make sure that there is only one writer ' +
        'and give --unsafe-no-fencing',
    });
  }
  report({ type: 'warning', code: 'no-fencing', message });
}

/** @throws RigError RIG_FENCED when there is a claim of a later epoch. */
async function throwIfSucceeded({ epoch }: Claim, { store, signal }: StartOptions): Promise<void> {
  for await (const { key } of store.list(WRITER_PREFIX, { after: writerKey(epoch), signal })) {
    const meaning = meaningOf(key);
    const read = meaning.kind === 'writer' ? await readClaim(store, meaning.epoch, { signal }) : undefined;
    if (read !== undefined) {
      throw fencedBy(read.claim);
    }
  }
}
