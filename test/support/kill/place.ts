import type { UnfinishedUpload } from '../real-s3.ts';

/** Where an archive is, and what can happen to it there. */
export interface Place {
  /** The archive, as those reach it that something can happen to. */
  readonly url: string;
  /** The same one past all that can be cut, for those that judge. */
  readonly directUrl: string;
  /** How a pusher may make batches: where a put is slow, not too many of them. */
  readonly intervals: readonly string[];
  readonly batchBytes: readonly string[];
  readonly outages: readonly Outage[];
  /** Within the put of a large snapshot; none where it is a single step. A scene plays one of each group. */
  readonly putMoments: readonly (readonly PutMoment[])[];
  /** The large puts that were neither completed nor given up. */
  unfinishedPuts(): Promise<readonly UnfinishedUpload[]>;
  /** The machine of the store loses power and is back; nobody may be using it. */
  readonly cutPower: (() => void) | undefined;
  /** What cannot happen here, and why. */
  readonly impossible: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Something that keeps a store from taking anything, until it ends. */
export interface Outage {
  readonly name: string;
  /** What a pusher says of it while it lasts; undefined: it may say nothing for long. */
  readonly sign: RegExp | undefined;
  /** Must everything be readable while it lasts? */
  readonly isReadable: boolean;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** How far the put of a large snapshot may have come when the one who puts it dies. */
export interface PutMoment {
  readonly name: string;
  /** Is the object there then? Undefined: nobody can say. */
  readonly isStored: boolean | undefined;
  /** Resolves when the next put has come so far. */
  reach(): Promise<void>;
  /** From now on others pass. */
  pass(): void;
  /** What is still on its way arrives. */
  land(): Promise<void>;
}
