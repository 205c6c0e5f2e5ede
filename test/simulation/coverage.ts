import type { StoreCall } from './process-store.ts';
import type { Pusher } from './pusher.ts';
import type { Scene } from './scene.ts';

/** What a number of seeds reached together. */
export type Counts = ReadonlyMap<string, number>;

/** Branches of the protocol that any two thousand seeds take; one that is missing means that the dice need a hand. */
export const MUST_BE_REACHED: readonly string[] = [
  'a record torn by a full disk is continued',
  'a removed batch was put again',
  "append: adopted another one's",
  'append: adopted its own',
  'append: stored',
  'claim: own, by its read back',
  'claim: stored',
  'claim: taken by another',
  'descriptor: by its read back',
  'descriptor: stored',
  'disk full: createNew',
  'disk full: rename',
  'disk full: sync',
  'disk full: write',
  'ended: RIG_DIVERGED',
  'ended: RIG_FENCED',
  'ended: RIG_LOCAL_BEHIND',
  'ended: RIG_STORE_UNAVAILABLE',
  'ended: done',
  'ended: stopped',
  'fenced: at the start',
  'fenced: by a batch',
  'fenced: by a full look',
  'fenced: by a look',
  'finale: LATEST is repaired',
  'finale: a new writer goes on',
  'finale: a restored journal goes on',
  'finale: the survivor goes on',
  'full look',
  'killed',
  'late put: exists',
  'late put: stored',
  'look: nobody',
  'look: successor',
  'note: starting-again',
  'note: waiting-for-predecessor',
  'power loss, unsynced tail lost',
  'put of one that was killed: stored',
  'prune: done',
  'prune: removed from LOG',
  'prune: removed from SNAPSHOT',
  'prune: removed from WRITER',
  'LATEST repaired',
  'fenced: before a snapshot',
  'read warns: base-damaged',
  'resolve: absent',
  'resolve: found after RIG_OBJECT_EXISTS',
  'resolve: found after RIG_STORE_UNAVAILABLE',
  'restore to files: the journal',
  'restore to files: the state',
  'restore: the disk is full',
  'restore: the journal, with a base',
  'restore: tried again with space on the disk',
  'snapshot of the journal: stored as an increment',
  'snapshot of the journal: stored full',
  'snapshot of the state: stored as an increment',
  'snapshot of the state: stored full',
  'snapshot: absent after RIG_STORE_UNAVAILABLE',
  'snapshot: found after RIG_STORE_UNAVAILABLE',
  'stale listing of LOG/',
  'stale listing of SNAPSHOT/',
  'stale listing of WRITER/',
  'stale listing of everything',
  'stale listing: one who removes saw it',
  'stale listing: restored all the same',
  'stale listing: the batch was there already',
  'woke in a put: alone',
  'woke in a put: overtaken',
  'woke in a put: overtaken and pruned',
];

/** Tells from the requests of a run which branches of the writer's protocol it took. */
export function countBranches(scene: Scene, { calls, process }: Pusher): void {
  const ownEpochs = new Set(scene.claims.filter(({ pid }) => pid === process.pid).map(({ epoch }) => epoch));
  let lastPut: StoreCall | undefined;
  let earlierPut: StoreCall | undefined;
  let epoch = 0;
  for (const call of calls) {
    const branch =
      call.name === 'put'
        ? branchOfPut(call, earlierPut)
        : branchOfQuestion(call, lastPut, { epoch, ownEpochs });
    if (branch !== undefined) {
      scene.universe.count(branch);
    }
    if (call.name === 'list') {
      lastPut = undefined;
    } else if (call.name === 'put') {
      [lastPut, earlierPut] = [call, call];
      epoch = epochOf(call) ?? epoch;
    }
  }
}

/** `earlier`: the put before it. */
function branchOfPut(call: StoreCall, earlier: StoreCall | undefined): string | undefined {
  if (call.answer?.what !== 'ok') {
    return undefined;
  }
  if (epochOf(call) !== undefined) {
    return 'claim: stored';
  }
  const repairs = call.key === 'LATEST' && earlier?.key.startsWith('WRITER/') === true;
  return repairs ? 'LATEST repaired' : { 'ARCHIVE.json': 'descriptor: stored' }[call.key];
}

/** Of a get or a listing; `lastPut` may be what it is to resolve. */
function branchOfQuestion(
  { name, key, answer }: StoreCall,
  lastPut: StoreCall | undefined,
  known: { readonly epoch: number; readonly ownEpochs: ReadonlySet<number> },
): string | undefined {
  const [kind] = key.split('/');
  if (name === 'list') {
    return key.startsWith('WRITER/ after WRITER') ? 'full look' : undefined;
  }
  if (name !== 'get' || !(answer?.what === 'ok' || answer?.what === 'absent')) {
    return undefined;
  }
  const isThere = answer.what === 'ok';
  if (lastPut?.key === key && lastPut.answer !== undefined && lastPut.answer.what !== 'ok') {
    if (kind === 'LOG') {
      return isThere ? `resolve: found after ${lastPut.answer.what}` : 'resolve: absent';
    }
    if (kind === 'WRITER') {
      const found = known.ownEpochs.has(known.epoch) ? 'own, by its read back' : 'taken by another';
      return `claim: ${isThere ? found : 'absent'}`;
    }
    if (kind === 'SNAPSHOT') {
      return `snapshot: ${isThere ? 'found' : 'absent'} after ${lastPut.answer.what}`;
    }
    return isThere ? 'descriptor: by its read back' : 'descriptor: absent';
  }
  if (
    kind === 'WRITER' &&
    known.epoch > 0 &&
    Number.parseInt(key.slice('WRITER/'.length), 16) === known.epoch + 1
  ) {
    return isThere ? 'look: successor' : 'look: nobody';
  }
  return undefined;
}

/** That a claim is put for. */
function epochOf({ key }: StoreCall): number | undefined {
  return key.startsWith('WRITER/') ? Number.parseInt(key.slice('WRITER/'.length), 16) : undefined;
}

/** As lines of a table, in the order of the names. */
export function showCounts(counts: Counts): string {
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([branch, count]) => `${String(count).padStart(9)}  ${branch}`).join('\n');
}

export function addCounts(into: Map<string, number>, counts: Counts): void {
  for (const [branch, count] of counts) {
    into.set(branch, (into.get(branch) ?? 0) + count);
  }
}
