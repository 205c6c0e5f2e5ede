import { isSha256, type Sha256 } from '../kernel/digest.ts';
import { isOffset, type Offset } from '../kernel/offset.ts';
import { KIB } from '../kernel/size.ts';
import { bodyOf, readWhole } from '../store/body.ts';
import type { CallOptions, PutBody, Store } from '../store/contract.ts';
import { damaged, undefinedWhenGone } from './damage.ts';
import { type Descriptor, toDescriptor } from './descriptor.ts';
import { isJsonObject, parseJsonObject } from './json.ts';
import { writerKey } from './layout.ts';

/** `WRITER/<epoch>`: who may append from then on, and what it saw when it said so. Written once. */
export interface Claim {
  readonly epoch: number;
  /** A UUID of this start of a writer, so that a lost response can be told from another writer. */
  readonly owner: string;
  readonly mode: WriterMode;
  readonly host: string;
  readonly pid: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durable: Offset;
  readonly chain: Sha256;
  readonly descriptor: Descriptor;
}

export type WriterMode = 'once' | 'follow';

const CLAIM_LIMIT_BYTES = 64 * KIB;

export function claimBody(claim: Claim): PutBody {
  return bodyOf(JSON.stringify(claim));
}

/** A claim, and the store's clock when it was read, where the store says so. */
export interface ReadClaim {
  readonly claim: Claim;
  readonly storeTimeMs: number | undefined;
}

/**
 * Reads the claim of an epoch. May be repeated. Undefined: nobody claimed it, or a prune took it.
 * @throws RigError RIG_CHECKSUM_MISMATCH when it is not a claim of this epoch.
 */
export async function readClaim(
  store: Store,
  epoch: number,
  options: CallOptions = {},
): Promise<ReadClaim | undefined> {
  const key = writerKey(epoch);
  const object = await store.get(key, options);
  if (object === undefined) {
    return undefined;
  }
  const json = await readWhole(key, object, CLAIM_LIMIT_BYTES).catch(undefinedWhenGone);
  if (json === undefined) {
    return undefined;
  }
  const value = parseJsonObject(key, json);
  const { owner, mode, host, pid, startedAt, durable, chain, descriptor } = value;
  if (
    value['epoch'] !== epoch ||
    !isOffset(epoch + 1) || // there must be one for the next writer
    typeof owner !== 'string' ||
    (mode !== 'once' && mode !== 'follow') ||
    typeof host !== 'string' ||
    !isOffset(pid) ||
    typeof startedAt !== 'string' ||
    !isOffset(durable) ||
    !isSha256(chain) ||
    !isJsonObject(descriptor)
  ) {
    throw damaged(key, 'it is not the claim of its epoch');
  }
  const claim: Claim = {
    epoch,
    owner,
    mode,
    host,
    pid,
    startedAt,
    durable,
    chain,
    descriptor: toDescriptor(key, descriptor),
  };
  return { claim, storeTimeMs: object.storeTimeMs };
}

/** For messages: `epoch 7 (follow, host db1, process 4711, since 2026-11-21T10:32:07.000Z)`. */
export function showClaim(claim: Claim): string {
  const { epoch, mode, host, pid, startedAt } = claim;
  return `epoch ${epoch} (${mode}, host ${host}, process ${pid}, since ${startedAt})`;
}
