import { isRigError, type RigError } from '../../src/kernel/errors.ts';
import type { WarningReport } from '../../src/kernel/report.ts';
import type { PushResult } from '../../src/workflows/push.ts';
import { SNAPSHOTS, snapshotNames } from './machine.ts';
import type { Process } from './process.ts';
import type { StoreCall } from './process-store.ts';
import type { Scene } from './scene.ts';
import { snapshotKey } from './snapshot-oracle.ts';

/**
 * Requests of a writer: to start (with a comparison by halving), and for each batch a put and rarely a look.
 */
export const START_CALLS_LIMIT = 60;
export const CALLS_PER_BATCH_LIMIT = 3;
/** Its cut, its base with all that that builds on, the put, and `LATEST`. */
export const CALLS_PER_SNAPSHOT_LIMIT = 45;

/** The oldest look that a writer may still rely on when it puts. */
const LOOK_EVERY_MS = 10_000;

/** A run of `push` as the judges see it. */
export interface PushRun {
  readonly process: Process;
  readonly calls: readonly StoreCall[];
  readonly follow: boolean;
  /** The journal's length when it was started. */
  readonly goal: number;
  readonly stopAsked: boolean;
}

/** The greatest epoch it has claimed, as the store has it. */
function epochOf(scene: Scene, { process }: PushRun): number | undefined {
  return scene.claims.findLast(({ pid }) => pid === process.pid)?.epoch;
}

/** A writer sends no batch later than 10 s after another one has claimed the archive: that one may rely on it. */
export function judgePut(scene: Scene, run: PushRun, { key, sentMs }: StoreCall): void {
  const { universe, machine, name } = run.process;
  const epoch = epochOf(scene, run);
  if (epoch === undefined) {
    universe.violate(`${name} puts ${key} without a claim`);
    return;
  }
  const successor = scene.claims.find((claim) => claim.epoch > epoch);
  if (successor === undefined || sentMs - (successor.seenMs.get(machine) ?? sentMs) <= LOOK_EVERY_MS) {
    return;
  }
  const isLook = ({ name: call, key: asked }: StoreCall) =>
    (call === 'get' || call === 'list' || call === 'page') && asked.startsWith('WRITER/');
  const look = run.calls.findLast((call) => isLook(call) && /^(ok|absent)$/.test(call.answer?.what ?? ''));
  const isOld = look === undefined || sentMs - look.sentMs > LOOK_EVERY_MS;
  // A look that took long is judged when its answer is read, and the put follows at once.
  if (isOld && !run.calls.some(({ name: call, answer }) => call !== 'put' && answer?.atMs === sentMs)) {
    universe.violate(`${name}, epoch ${epoch}, puts ${key}, long overtaken by epoch ${successor.epoch}`);
  }
}

/** Before each attempt to put a snapshot its writer looks whether it is still the one. */
export function judgeSnapshotPut({ process, calls }: PushRun, { key }: StoreCall): void {
  const puts = calls.filter(({ name, key: put }) => name === 'put' && /^(SNAPSHOT|WRITER)\//.test(put));
  const before = calls.indexOf(puts.at(-2) ?? puts[0] ?? (calls[0] as StoreCall));
  const looks = calls
    .slice(before)
    .some(({ name, key: asked }) => name !== 'put' && asked.startsWith('WRITER/'));
  if (!looks) {
    process.universe.violate(`${process.name} puts ${key} without a look`);
  }
}

/** What it warns of is so. */
export function isWarningJustified(scene: Scene, run: PushRun, { code, details }: WarningReport): boolean {
  const { faults, fileFaults, corruptions } = run.process;
  switch (code) {
    case 'snapshot-ahead':
      return !run.follow;
    case 'snapshot-differs':
      return isTaken(scene, details, 'journal');
    case 'snapshot-outdated':
      return hasNewerState(scene, details) || scene.place.removed.size > 0;
    case 'snapshot-unreadable':
      return fileFaults > 0 || scene.place.removed.size > 0 || isRemovedHere(run, details);
    case 'snapshot-damaged':
      return corruptions > 0 || scene.place.removed.size > 0;
    case 'snapshots-unreadable':
      return fileFaults > 0;
    case 'expire-failed':
      return faults > 0;
    case 'loses-beginning':
      return true;
    case 'object-damaged':
      return corruptions > 0;
    default:
      return false;
  }
}

function hasNewerState(scene: Scene, details: WarningReport['details']): boolean {
  const landed = [...scene.place.snapshots.landed.values()];
  return landed.some(({ of, at }) => of === 'state' && at > Number(details?.['at']));
}

/** Another push on its machine has, to whom it was archived. */
function isRemovedHere({ process: { machine } }: PushRun, details: WarningReport['details']): boolean {
  const at = Number(details?.['at']);
  return snapshotNames(at).some((name) => machine.removed.has(`${SNAPSHOTS}/${name}`));
}

/** Of two puts of one writer under way the second could land without the first. */
export function judgeOnePut({ process, calls }: PushRun): void {
  const underWay = calls.filter(
    ({ name, key, answer }) => name === 'put' && key.startsWith('LOG/') && answer === undefined,
  );
  if (underWay.length > 1) {
    process.universe.violate(`${process.name} has ${underWay.length} puts under way`);
  }
}

/** It said that it has done what it should. */
export function judgeDone(scene: Scene, run: PushRun, result: PushResult): void {
  const { universe, machine, name } = run.process;
  const { durable, tornBytes } = result;
  const { history } = machine;
  universe.count(run.stopAsked ? 'ended: stopped' : 'ended: done');
  if (!scene.place.oracle.holds(history, durable)) {
    universe.violate(`${name} ends with ${durable} durable, which is not what the archive holds`);
  }
  if (run.stopAsked) {
    return;
  }
  const end = durable + tornBytes;
  const isTorn = tornBytes === 0 || (scene.format === 'lines' && !history.bytes(durable, end).includes(0x0a));
  if (run.follow || !isTorn || end < run.goal || end > Math.max(durable, machine.journalBytes)) {
    universe.violate(
      `${name} ends by itself at ${durable} with ${tornBytes} torn bytes, short of ${run.goal}`,
    );
  }
}

/** It gave up: for a reason that is true. */
export function judgeFailed(scene: Scene, run: PushRun, error: unknown): void {
  const { universe, name } = run.process;
  if (!isRigError(error)) {
    universe.violate(`${name} fails with ${error instanceof Error ? error.stack : String(error)}`);
    return;
  }
  universe.count(`ended: ${error.code}`);
  if (!isJustified(scene, run, error)) {
    universe.violate(
      `${name} fails without cause: ${error.code} ${error.message} ${JSON.stringify(error.details)}`,
    );
  }
}

function isJustified(scene: Scene, run: PushRun, error: RigError): boolean {
  const { faults, corruptions, fileFaults } = run.process;
  switch (error.code) {
    case 'RIG_FENCED':
      return isFenced(scene, run, error);
    case 'RIG_DIVERGED':
    case 'RIG_LOCAL_BEHIND':
      return isElsewhere(scene, run, error);
    case 'RIG_STORE_UNAVAILABLE':
      return faults > 0 && !run.follow;
    case 'RIG_CHECKSUM_MISMATCH':
      return corruptions > 0;
    case 'RIG_LOCAL_IO':
      return fileFaults > 0;
    case 'RIG_INCOMPLETE':
      return isTaken(scene, error.details, 'state');
    case 'RIG_INTERRUPTED':
      return run.stopAsked;
    default:
      return false;
  }
}

/** Of an offset there is one snapshot: of the state or of the journal. */
function isTaken(scene: Scene, details: WarningReport['details'], by: 'state' | 'journal'): boolean {
  const { landed } = scene.place.snapshots;
  return landed.get(snapshotKey(Number(details?.['at'])))?.of === by;
}

/**
 * There is a newer writer, it is not itself, and it is one of its own kind: to the other kind it yields for a
 * while.
 */
function isFenced(scene: Scene, run: PushRun, { details }: RigError): boolean {
  const own = epochOf(scene, run);
  const successor = scene.claims.find(({ epoch }) => epoch === details['epoch']);
  run.process.universe.count(`fenced: ${howFenced(run.calls)}`);
  return (
    own !== undefined &&
    successor !== undefined &&
    successor.epoch > own &&
    successor.pid !== run.process.pid &&
    (successor.mode === 'follow') === run.follow
  );
}

/** What it asked before it read the successor's claim, which it does last. */
function howFenced(calls: readonly StoreCall[]): string {
  if (/^(SNAPSHOT|LATEST)/.test(calls.findLast(({ key }) => !key.startsWith('WRITER/'))?.key ?? '')) {
    return 'before a snapshot';
  }
  const before = calls.findLast(({ name, key }) => name !== 'get' || /^(ARCHIVE|SNAPSHOT)/.test(key));
  if (before === undefined || before.name === 'put') {
    const resolved = calls.at(-1)?.key.startsWith('WRITER/') && calls.at(-2)?.key === before?.key;
    return resolved && calls.at(-2)?.name === 'get' ? 'by a batch' : 'by a look';
  }
  return before.key.includes('after WRITER/') ? 'by a full look' : 'at the start';
}

/**
 * The archive really has other or more bytes, and the error says exactly from where on. What lies below the newest
 * snapshot's cut need not be compared, so that they may differ there too: then from one of those cuts on.
 */
function isElsewhere(scene: Scene, { process }: PushRun, { code, details }: RigError): boolean {
  const { content, end, cuts } = scene.place.oracle;
  const { history, journalBytes } = process.machine;
  const { commonEnd, localEnd } = details;
  if (typeof commonEnd !== 'number' || typeof localEnd !== 'number') {
    return false;
  }
  const newest = Math.max(0, ...[...scene.place.snapshots.landed.values()].map(({ cut }) => cut));
  const isSame = (from: number) =>
    content.bytes(from, commonEnd).equals(history.bytes(from, commonEnd)) && from <= commonEnd;
  const isComparedSame = isSame(0) || cuts.some((cut) => cut <= newest && isSame(cut));
  if (code === 'RIG_LOCAL_BEHIND') {
    return commonEnd === localEnd && end > localEnd && (isComparedSame || localEnd < newest);
  }
  const [archived, local] = [content, history].map((one) => one.bytes(commonEnd, commonEnd + 1));
  return isComparedSame && commonEnd < Math.min(end, journalBytes) && archived?.[0] !== local?.[0];
}

/**
 * To start takes some requests, and so do a batch, a snapshot and a failure; nothing else does, however long it runs.
 */
export function judgeRequests({ universe, place }: Scene, { process, calls }: PushRun): void {
  const count = (isCounted: (call: StoreCall) => boolean) => calls.filter(isCounted).length;
  const isPut = (prefix: string) => (call: StoreCall) => call.name === 'put' && call.key.startsWith(prefix);
  const requests = count(({ name }) => name !== 'page');
  const starts = 1 + count(({ key }) => key === 'ARCHIVE.json');
  const failures = count(({ answer }) => !/^(ok|absent)$/.test(answer?.what ?? ''));
  const snapshots = process.machine.snapshotsAt.size + count(isPut('SNAPSHOT/'));
  const limit =
    starts * START_CALLS_LIMIT +
    (count(isPut('LOG/')) + failures) * CALLS_PER_BATCH_LIMIT +
    snapshots * (CALLS_PER_SNAPSHOT_LIMIT + place.snapshots.landed.size);
  if (requests > limit) {
    universe.violate(`${process.name} made ${requests} requests, and ${limit} are more than enough`);
  }
}
