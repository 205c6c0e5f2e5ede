import { KIB } from '../../src/kernel/size.ts';
import type { Store } from '../../src/store/contract.ts';

/** What a case of the suite asks for. */
export interface StoreSuite {
  readonly store: () => Store;
  /** A second client on the same place, or the same one where there is no other. */
  readonly another: () => Promise<Store>;
  readonly manyKeys: number;
  readonly largeBodyBytes: number;
  readonly runs: number;
  readonly vagueLosers: boolean;
}

/** A body larger than one chunk of any driver. */
export const MIDDLE_BYTES = 300 * KIB;
