import { firstChain } from '../archive/batch-header.ts';
import type { Compression } from '../archive/compression.ts';
import { type CutPoint, cutAt } from '../archive/cut-at.ts';
import type { Descriptor } from '../archive/descriptor.ts';
import { type SealingBase, type SnapshotSource, sealSnapshot } from '../archive/seal-snapshot.ts';
import { type FoundBase, findBase, type UsableBase } from '../archive/snapshot-base.ts';
import type { SnapshotHeader, SnapshotOf } from '../archive/snapshot-header.ts';
import type { NextSnapshot } from '../archive/snapshot-policy.ts';
import { type SnapshotOutcome, SnapshotWriter } from '../archive/snapshot-writer.ts';
import type { Writer } from '../archive/writer.ts';
import type { RetryPolicy } from '../kernel/attempts.ts';
import { formatTime } from '../kernel/clock.ts';
import { isRigError } from '../kernel/errors.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { showSize } from '../kernel/size.ts';
import type { Context } from './context.ts';

/** On whose behalf snapshots are made, and how. */
export interface SnapshotMakerOptions {
  readonly descriptor: Descriptor;
  readonly writer: Writer;
  readonly policy: RetryPolicy;
  readonly compression: Compression;
  /** A full one is made when the increments since the last full exceed so much of it. */
  readonly fullRatio: number;
}

/** `unlinked`: the batches around its offset are gone, so that nothing could go on from it. */
export type MadeSnapshot = SnapshotOutcome | { readonly how: 'unlinked' };

/** What a snapshot is made of; an increment's may depend on its base. */
export interface SnapshotMaterial extends Pick<NextSnapshot, 'at' | 'of' | 'content'> {
  source(base: UsableBase | undefined): Promise<SnapshotSource>;
}

/** Up to which offset snapshots can be archived. Without a journal, any offset is as good as another. */
export function reachOf({ format }: Descriptor, durable: Offset): Offset {
  return format === 'none' ? Number.MAX_SAFE_INTEGER : durable;
}

/** Makes snapshot objects out of local content, full or as increments, and keeps `LATEST` with them. */
export class SnapshotMaker {
  readonly #context: Context;
  readonly #options: SnapshotMakerOptions;
  readonly #snapshotWriter: SnapshotWriter;
  /** The newest of each kind that was stored here. */
  readonly #newest = new Map<SnapshotOf, Offset>();

  constructor(context: Context, options: SnapshotMakerOptions) {
    const { store, report } = context;
    const { policy, writer } = options;
    this.#context = context;
    this.#options = options;
    this.#snapshotWriter = new SnapshotWriter(store, policy, report, (signal) => writer.look(signal));
  }

  /** Up to which offset a snapshot may be made now. */
  get reach(): Offset {
    const { descriptor, writer } = this.#options;
    return reachOf(descriptor, writer.durable);
  }

  /** Stores the snapshot, which is within {@link reach}, unless one is there. Errors as {@link SnapshotWriter.put}. */
  async make(material: SnapshotMaterial, signal: AbortSignal): Promise<MadeSnapshot> {
    try {
      return await this.#makeLinked(material, signal);
    } catch (error) {
      if (isRigError(error, 'RIG_OBJECT_NOT_FOUND')) {
        // What it was to be built on was pruned: perhaps while this writer slept, and was overtaken.
        await this.#options.writer.look(signal);
      }
      throw error;
    }
  }

  async #makeLinked(material: SnapshotMaterial, signal: AbortSignal): Promise<MadeSnapshot> {
    const { at, of } = material;
    const cut = await this.#cutOf(at, signal);
    if (cut === undefined) {
      return { how: 'unlinked' };
    }
    const { base, why } = await this.#findBase(material, signal);
    const source = await material.source(base);
    const sealed = sealSnapshot(this.#header(material, cut, base), source, this.#options.compression, {
      base,
      onProgress: (doneBytes) => this.#reportProgress(doneBytes, source.atMostBytes),
    });
    const outcome = await this.#snapshotWriter.put(sealed, signal);
    if (outcome.how === 'stored') {
      this.#newest.set(of, Math.max(at, this.#newest.get(of) ?? 0));
      this.#reportStored(at, outcome.summary, base === undefined ? `full: ${why}` : incrementOn(base));
    }
    if (outcome.how !== 'different') {
      await this.#snapshotWriter.publishLatest(signal); // also after an answer that was lost
    }
    return outcome;
  }

  /** Some stores list what was put only after a while: what only seems to be the newest is no base. */
  async #findBase({ at, of, content }: SnapshotMaterial, signal: AbortSignal): Promise<FoundBase> {
    const { descriptor, fullRatio } = this.#options;
    const next = { at, of, content };
    const found = await findBase(this.#context.store, descriptor.id, next, fullRatio, { signal });
    const isNewest = (found.base?.header.at ?? 0) >= (this.#newest.get(of) ?? 0);
    return found.base === undefined || isNewest
      ? found
      : { base: undefined, why: 'the one before it is not listed yet' };
  }

  /** Makes `LATEST` right where it is not. Errors as {@link SnapshotWriter.publishLatest}. */
  repairLatest(signal: AbortSignal): Promise<void> {
    return this.#snapshotWriter.publishLatest(signal);
  }

  async #cutOf(at: Offset, signal: AbortSignal): Promise<CutPoint | undefined> {
    const { descriptor, writer } = this.#options;
    return descriptor.format === 'none'
      ? { offset: at, chain: firstChain(descriptor.id) }
      : cutAt(this.#context.store, at, { offset: writer.durable, chain: writer.chain }, { signal });
  }

  #header(
    { at, of, content }: SnapshotMaterial,
    cut: CutPoint,
    base: SealingBase | undefined,
  ): SnapshotHeader {
    const { descriptor, writer } = this.#options;
    return {
      v: 1,
      kind: 'snapshot',
      archive: descriptor.id,
      at,
      of,
      content,
      cut: cut.offset,
      chain: cut.chain,
      epoch: writer.epoch,
      createdAt: formatTime(this.#context.clock.wallMs()),
      ...(base === undefined ? {} : { base: base.header.at, baseSha256: base.sha256 }),
    };
  }

  #reportProgress(doneBytes: number, atMostBytes: number): void {
    this.#context.report({
      type: 'progress',
      phase: 'storing a snapshot',
      doneBytes,
      totalBytes: Math.max(doneBytes, atMostBytes),
    });
  }

  #reportStored(
    at: Offset,
    { bytes, storedBytes }: { readonly bytes: number; readonly storedBytes: number },
    how: string,
  ): void {
    this.#context.report({
      type: 'note',
      code: 'snapshot-stored',
      message: `stored the snapshot at ${showOffset(at)}: ${showSize(bytes)}, ${showSize(storedBytes)} stored (${how})`,
      details: { at, bytes, storedBytes },
    });
  }
}

function incrementOn({ header }: SealingBase): string {
  return `an increment on the one at ${showOffset(header.at)}`;
}
