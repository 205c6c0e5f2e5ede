/**
 * What rigctl needs from an object store: a flat namespace of keys, written atomically, listed in order.
 *
 * Keys are relative to the archive's URL, non-empty, and made of `[A-Za-z0-9._/-]` without empty, `.` or `..`
 * segments. Drivers implement this interface; layers wrap it and pass the same conformance suite
 * (`test/conformance/store.ts`).
 *
 * Every call takes an optional `AbortSignal`. Already aborted: rejects with the signal's reason and does no I/O.
 * Aborted while under way: rejects with the reason, and whether a put or delete took effect is unknown.
 *
 * Errors, beside those named at the methods:
 *   RIG_STORE_DENIED       these credentials may not do this (never retryable)
 *   RIG_STORE_UNAVAILABLE  no answer, or one that says "later"; retryable; after a put or delete the outcome is unknown
 *   RIG_STORE_UNSUPPORTED  the store cannot do this at all
 *   RIG_ARCHIVE_NOT_FOUND  the place the keys live in (bucket) does not exist
 *   RIG_CONFIG_INVALID     the URL, region or endpoint is wrong
 */
export interface Store {
  /** For messages: the URL without anything secret. */
  readonly url: string;
  readonly capabilities: Capabilities;

  /**
   * Reads an object, or a range of it. The body must be read to its end or ended early by leaving the `for await`
   * loop; until then it may hold a connection. A body that ends short throws RIG_STORE_UNAVAILABLE.
   * May be repeated. Undefined: no such key. A range that starts at or beyond the end gives an empty body.
   */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;

  /** Size and age without the bytes. May be repeated. Undefined: no such key. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;

  /**
   * Writes a whole object. When it returns, the object is durable and every later get and list shows it; no reader
   * ever sees part of it.
   *
   * `if: 'absent'` (create-only): exactly one of any number of such puts, from any process, succeeds while the key
   * exists; the others throw RIG_OBJECT_EXISTS and change nothing. After RIG_STORE_UNAVAILABLE or an abort the
   * object may be stored, or be stored later; repeating it may then throw RIG_OBJECT_EXISTS for the caller's own
   * bytes. So no layer repeats a create-only put: only the caller can resolve it.
   * `if: 'any'`: creates or replaces atomically. May be repeated.
   */
  put(key: string, body: PutBody, options: PutOptions): Promise<PutResult>;

  /**
   * The objects whose keys start with `prefix`, in ascending order of their keys (by code unit); of a part of them when
   * `after` or `upTo` say so. Anything put before the call started is there; half-written objects never are.
   * May be repeated.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;

  /** Removes these keys, any number of them. Keys that do not exist are not an error. May be repeated. */
  delete(keys: readonly string[], options?: CallOptions): Promise<void>;

  /** Ends connections. No call may follow. May be repeated. */
  close(): Promise<void>;
}

export interface Capabilities {
  /** `put` with `if: 'absent'` is atomic between processes. */
  readonly createOnly: boolean;
  /** The same for bodies large enough for a multipart upload. */
  readonly multipartCreateOnly: boolean;
  /** `put` with `if: 'any'` replaces an object atomically. */
  readonly replace: boolean;
  /** Calls worth having in flight at a time. */
  readonly parallelCalls: number;
  /** Ranges of a long listing worth asking for at a time. 1: each would cost as much as the whole. */
  readonly parallelListings: number;
  /** Undefined: objects have no tags here. */
  readonly tagging: Tagging | undefined;
  /** Undefined: nothing expires by itself here. */
  readonly lifecycle: Lifecycle | undefined;
}

/** Words on objects that rules can ask for. Errors as at {@link Store}. */
export interface Tagging {
  /** Gives the object exactly these tags. May be repeated. False: no such key. */
  setTags(key: string, tags: Tags, options?: CallOptions): Promise<boolean>;
  /** May be repeated. Undefined: no such key. */
  getTags(key: string, options?: CallOptions): Promise<Tags | undefined>;
}

export type Tags = Readonly<Record<string, string>>;

/**
 * The rules by which the place that the archive lies in (the bucket) removes objects by itself. They belong to the
 * whole place, not only to the archive. RIG_STORE_UNSUPPORTED: the server has no such rules, or not these.
 */
export interface Lifecycle {
  /** What stands in front of the archive's keys in the names that rules match: empty, or ending in `/`. */
  readonly keyPrefix: string;
  /** May be repeated. No rules: an empty list. */
  read(options?: CallOptions): Promise<LifecycleConfiguration>;
  /**
   * Replaces all rules of the place; an empty list removes the configuration. Rules that were read are sent byte for
   * byte; a server may write them in another way, or order, when they are read again. No store can do this on
   * condition: what somebody else wrote since `read` is lost. May be repeated.
   */
  write(configuration: WantedLifecycle, options?: CallOptions): Promise<void>;
  /** Are older versions of replaced and removed objects kept, or were they ever? May be repeated. */
  keepsVersions(options?: CallOptions): Promise<boolean>;
}

export interface LifecycleConfiguration {
  readonly rules: readonly LifecycleRule[];
  /** The whole configuration as the server gave it, for a backup; empty when there is none. */
  readonly document: string;
  /** What goes with all rules together, in a form of the store's own; hand it back to `write` as it is. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Names of elements beside the rules that this program does not know: `write` would drop them. */
  readonly unknownElements: readonly string[];
}

export interface WantedLifecycle {
  readonly rules: readonly (LifecycleRule | NewLifecycleRule)[];
  readonly attributes: Readonly<Record<string, string>>;
}

/** What a rule applies to and does. Prefixes are of whole names, {@link Lifecycle.keyPrefix} included. */
export interface NewLifecycleRule {
  readonly id: string;
  readonly prefix: string;
  /** All of them must be on an object. */
  readonly tags: Tags;
  readonly expireAfterDays?: number | undefined;
  readonly expireNoncurrentAfterDays?: number | undefined;
  /** Remove markers of removed objects that have no older versions left. */
  readonly expireDeleteMarkers?: boolean | undefined;
  readonly abortUploadsAfterDays?: number | undefined;
}

/** A rule as the server has it. */
export interface LifecycleRule extends Omit<NewLifecycleRule, 'id'> {
  readonly id: string | undefined;
  readonly enabled: boolean;
  /** Expires at this moment, Unix milliseconds. */
  readonly expireAtMs?: number | undefined;
  /** Applies only to objects of these sizes. */
  readonly largerThanBytes?: number | undefined;
  readonly smallerThanBytes?: number | undefined;
  /** Moves objects to another storage class: they may become slow or costly to read, or unreadable for hours. */
  readonly hasTransitions: boolean;
  /**
   * The rule's element, byte for byte as the server gave it. One exception: conditions that a server gives side by side
   * stand in an `And`, as S3 has it; written back as they were, some would be forgotten.
   */
  readonly text: string;
  /** Elements in it that this program does not know or cannot read, as paths: `Expiration/Hours`. */
  readonly unknownElements: readonly string[];
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** Bytes `[startByte, endByte)`; `endByte` beyond the end is cut, left out it is the end. */
  readonly range?: { readonly startByte: number; readonly endByte?: number | undefined } | undefined;
}

export interface PutOptions extends CallOptions {
  readonly if: 'absent' | 'any';
}

export interface ListOptions extends CallOptions {
  /** Only keys beyond this one. */
  readonly after?: string | undefined;
  /** Only keys up to this one, which is a key of its own or not. */
  readonly upTo?: string | undefined;
}

export interface ObjectInfo {
  /** Of the whole object, also when a range was asked for. */
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Changes when the object is replaced; opaque. */
  readonly version: string;
  /** The store's own wall clock when it answered, where it says so. */
  readonly storeTimeMs?: number | undefined;
}

export interface StoredObject extends ObjectInfo {
  /** Chunks of any size, in order; their memory is the reader's, who may give it back. Can be read once. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface PutResult {
  readonly storeTimeMs?: number | undefined;
}

/** Bytes to store. It can be read any number of times and gives the same bytes each time. */
export interface PutBody {
  /** Undefined only for large streams; a store may then use a multipart upload whatever the size turns out to be. */
  readonly lengthBytes: number | undefined;
  /** With an unknown length: an upper bound, from which a store chooses the size of its parts. */
  readonly atMostBytes?: number | undefined;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}
