import type { Offset } from '../kernel/offset.ts';
import { showOffset } from '../kernel/offset.ts';
import type { SnapshotContent, SnapshotHeader, SnapshotOf } from './snapshot-header.ts';

/** A listed snapshot as the policy sees it. `header` undefined: damaged, or something that it needs is. */
export interface PastSnapshot {
  readonly at: Offset;
  readonly storedBytes: number;
  readonly header: SnapshotHeader | undefined;
}

/** The snapshot that is about to be made. */
export interface NextSnapshot {
  readonly at: Offset;
  readonly of: SnapshotOf;
  readonly content: SnapshotContent;
}

/** `why`: in words, for a note. */
export type SnapshotChoice =
  | { readonly kind: 'full'; readonly why: string }
  | { readonly kind: 'increment'; readonly base: Offset };

/** A snapshot needs no more others than these, itself counted. */
export const CHAIN_LIMIT = 16;

/** Increments since the last full snapshot may together be this large, as a part of it. */
export const DEFAULT_FULL_RATIO = 0.5;

/**
 * Full, or an increment on the newest snapshot before it? Full when there is none of its kind, when that one or what it
 * needs is damaged, when its increments are together larger than `fullRatio` times their full one, or too many; always
 * when the ratio is 0.
 * @param past ascending; every snapshot that is listed, damaged ones and those of another kind too.
 */
export function chooseSnapshot(
  next: NextSnapshot,
  past: readonly PastSnapshot[],
  fullRatio: number = DEFAULT_FULL_RATIO,
): SnapshotChoice {
  if (fullRatio === 0) {
    return full('increments are switched off');
  }
  const base = past.findLast(
    ({ at, header }) => at < next.at && (header === undefined || isAlike(header, next)),
  );
  if (base === undefined) {
    return full('there is no earlier one to build on');
  }
  const chain = chainOf(base, past);
  const [whole] = chain;
  if (whole === undefined) {
    return full(`the one before it, at ${showOffset(base.at)}, is damaged or lacks its base`);
  }
  if (chain.length >= CHAIN_LIMIT) {
    return full(`the last full one, at ${showOffset(whole.at)}, has ${chain.length - 1} increments already`);
  }
  const incrementBytes = chain.slice(1).reduce((total, { storedBytes }) => total + storedBytes, 0);
  if (incrementBytes > fullRatio * whole.storedBytes) {
    return full(
      `the increments since the one at ${showOffset(whole.at)} are more than ${fullRatio} of its size`,
    );
  }
  return { kind: 'increment', base: base.at };
}

function full(why: string): SnapshotChoice {
  return { kind: 'full', why };
}

function isAlike(header: SnapshotHeader, { of, content }: Pick<NextSnapshot, 'of' | 'content'>): boolean {
  return header.of === of && header.content === content;
}

/** From the full snapshot to this one; empty when one of them is missing or damaged. */
function chainOf(newest: PastSnapshot, past: readonly PastSnapshot[]): readonly PastSnapshot[] {
  const byOffset = new Map(past.map((snapshot) => [snapshot.at, snapshot]));
  const chain: PastSnapshot[] = [];
  let current: PastSnapshot | undefined = newest;
  while (current !== undefined) {
    chain.unshift(current);
    if (current.header !== undefined && current.header.base === undefined) {
      return chain;
    }
    current = baseOf(current, byOffset);
  }
  return [];
}

function baseOf(
  { at, header }: PastSnapshot,
  byOffset: ReadonlyMap<Offset, PastSnapshot>,
): PastSnapshot | undefined {
  const base = header?.base;
  const found = base === undefined || base >= at ? undefined : byOffset.get(base);
  return header !== undefined && found?.header !== undefined && isAlike(found.header, header)
    ? found
    : undefined;
}
