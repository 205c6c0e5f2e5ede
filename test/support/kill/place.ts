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
