import type { Sha256 } from '../kernel/digest.ts';
import { type Offset, showOffset } from '../kernel/offset.ts';
import { firstChain } from './batch-header.ts';
import type { BatchHead } from './batch-object.ts';
import { damaged, missing } from './damage.ts';

/** How far the chain of an archive has been followed. */
export interface ChainPosition {
  /** The archive's id. */
  readonly archive: string;
  readonly offset: Offset;
  /** The chain at `offset`. */
  readonly chain: Sha256;
  /** Of the batch before; later ones never have a smaller one. */
  readonly epoch: number;
}

/** Before the first batch. */
export function chainStart(archive: string): ChainPosition {
  return { archive, offset: 0, chain: firstChain(archive), epoch: 1 };
}

/** After a batch that is known to be in its place. */
export function chainAfter({ header }: BatchHead): ChainPosition {
  return { archive: header.archive, offset: header.end, chain: header.chain, epoch: header.epoch };
}

/**
 * Goes on over the next batch.
 * @throws RigError RIG_CHAIN_GAP when it starts elsewhere than the one before ends; RIG_CHECKSUM_MISMATCH when it does
 *   not link to the one before, comes from an overtaken writer or from another archive.
 */
export function follow(position: ChainPosition, head: BatchHead): ChainPosition {
  const { key, header } = head;
  const details = { offset: header.first };
  if (header.archive !== position.archive) {
    throw damaged(key, `it belongs to another archive, ${header.archive}`, { details });
  }
  if (header.first > position.offset) {
    throw missing(position.offset, header.first);
  }
  if (header.first < position.offset) {
    throw damaged(
      key,
      `it starts before offset ${showOffset(position.offset)}, where the batch before it ends`,
      {
        code: 'RIG_CHAIN_GAP',
        details: { ...details, expected: position.offset },
      },
    );
  }
  if (header.prev !== position.chain) {
    throw damaged(key, 'it does not continue the batch before it: its "prev" is not that one\'s "chain"', {
      details: { ...details, expected: position.chain },
    });
  }
  if (header.epoch < position.epoch) {
    throw damaged(key, `its writer, epoch ${header.epoch}, had been overtaken by epoch ${position.epoch}`, {
      details,
    });
  }
  return chainAfter(head);
}
