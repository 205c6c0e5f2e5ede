import { formatTime } from '../kernel/clock.ts';
import { showOffset } from '../kernel/offset.ts';
import type { LifecycleRule } from '../store/contract.ts';
import { DESCRIPTOR_KEY, LOG_PREFIX, snapshotKey, WRITER_PREFIX } from './layout.ts';
import { type AgedSnapshot, daysText } from './lifecycle-by-age.ts';
import { DAY_MS, isDangerous, isOwnRule, reaches, showRule } from './lifecycle-rules.ts';

/** What must be known of an archive to say what rules will do to it. */
export interface ThreatenedArchive {
  /** The archive's id. */
  readonly archive: string;
  /** In front of the archive's keys in the names that rules match. */
  readonly keyPrefix: string;
  /** The newest snapshot, then those it is built on; empty when there is none. */
  readonly newestChain: readonly AgedSnapshot[];
}

/** A rule that will take something from the archive that nobody marked. */
export interface LifecycleThreat {
  /** The rule's name, where it has one. */
  readonly rule: string | null;
  /** The object or the prefix that is threatened. */
  readonly object: string;
  readonly message: string;
}

/**
 * What existing rules will do to the archive, whoever made them. Rules that only remove older versions are no threat:
 * no restore needs one. The archive's own rules by age were confirmed, and are one only when they come near.
 */
export function lifecycleThreats(
  rules: readonly LifecycleRule[],
  archive: ThreatenedArchive,
  nowMs: number,
): readonly LifecycleThreat[] {
  return rules
    .filter((rule) => isDangerous(rule) && reaches(rule, archive.keyPrefix))
    .flatMap((rule) => new RuleView(rule, archive, nowMs).threats());
}

/** One rule, seen from one archive. */
class RuleView {
  readonly #rule: LifecycleRule;
  readonly #archive: ThreatenedArchive;
  readonly #nowMs: number;

  constructor(rule: LifecycleRule, archive: ThreatenedArchive, nowMs: number) {
    this.#rule = rule;
    this.#archive = archive;
    this.#nowMs = nowMs;
  }

  threats(): LifecycleThreat[] {
    return [...this.#ofNames(), ...this.#ofBatches(), ...this.#ofSnapshots()];
  }

  /** What says whose archive it is, and who wrote it: nothing supersedes these. */
  #ofNames(): LifecycleThreat[] {
    const names = [DESCRIPTOR_KEY, WRITER_PREFIX].filter((name) => this.#reaches(name));
    const [first] = names;
    return first === undefined ? [] : [this.#threat(first, this.#does(names.join(' and ')))];
  }

  #ofBatches(): LifecycleThreat[] {
    if (!this.#reaches(LOG_PREFIX) || (this.#isConfirmed() && !this.#comesNear())) {
      return [];
    }
    const consequence =
      this.#archive.newestChain.length === 0
        ? 'there is no snapshot that supersedes any batch'
        : 'batches that no snapshot supersedes by then are lost';
    return [this.#threat(LOG_PREFIX, `${this.#does(LOG_PREFIX)}: ${consequence}`)];
  }

  /** Of the newest snapshot and those it is built on, the one that goes first. */
  #ofSnapshots(): LifecycleThreat[] {
    const [newest] = this.#archive.newestChain;
    const [first] = this.#archive.newestChain
      .filter(({ at }) => (this.#archive.keyPrefix + snapshotKey(at)).startsWith(this.#rule.prefix))
      .sort((left, right) => left.modifiedAtMs - right.modifiedAtMs);
    if (newest === undefined || first === undefined || (this.#isConfirmed() && !this.#comesNear())) {
      return [];
    }
    const what =
      first === newest
        ? `snapshot ${showOffset(first.at)}`
        : `snapshot ${showOffset(first.at)}, which ${showOffset(newest.at)} is built on,`;
    const expiresAtMs = this.#expiresAtMs(first);
    const message =
      expiresAtMs === undefined
        ? this.#does(what)
        : `${what} expires ${this.#untilText(expiresAtMs)} by ${showRule(this.#rule)}`;
    return [this.#threat(snapshotKey(first.at), `${message}, and nothing newer exists`)];
  }

  #reaches(key: string): boolean {
    return reaches(this.#rule, this.#archive.keyPrefix + key);
  }

  #isConfirmed(): boolean {
    return isOwnRule(this.#archive.archive, this.#rule) && this.#rule.unknownElements.length === 0;
  }

  /** Nothing in the newest chain may be older than half of the days after which this rule removes objects. */
  #comesNear(): boolean {
    const { newestChain } = this.#archive;
    const limitMs = ((this.#rule.expireAfterDays ?? 0) * DAY_MS) / 2;
    return (
      newestChain.length === 0 || newestChain.some(({ modifiedAtMs }) => this.#nowMs - modifiedAtMs > limitMs)
    );
  }

  #threat(object: string, message: string): LifecycleThreat {
    return { rule: this.#rule.id ?? null, object, message };
  }

  /** `lifecycle rule "x" removes LOG/ after 3 days`. */
  #does(what: string): string {
    const { expireAfterDays, expireAtMs, hasTransitions, unknownElements } = this.#rule;
    const name = showRule(this.#rule);
    if (expireAfterDays !== undefined) {
      return `${name} removes ${what} after ${daysText(expireAfterDays)}`;
    }
    if (expireAtMs !== undefined) {
      return `${name} removes ${what} from ${formatTime(expireAtMs)} on`;
    }
    return hasTransitions
      ? `${name} moves ${what} to another storage class, where it may be slow, costly or impossible to read`
      : `${name} has elements that rigctl does not know (${unknownElements.join(', ')}) and applies to ${what}`;
  }

  /** Stores expire at the midnight (UTC) that follows. Undefined: it does not expire. */
  #expiresAtMs({ modifiedAtMs }: AgedSnapshot): number | undefined {
    const { expireAfterDays, expireAtMs } = this.#rule;
    return expireAfterDays === undefined
      ? expireAtMs
      : Math.ceil((modifiedAtMs + expireAfterDays * DAY_MS) / DAY_MS) * DAY_MS;
  }

  #untilText(atMs: number): string {
    const days = Math.floor((atMs - this.#nowMs) / DAY_MS);
    return days < 0 ? 'at any moment' : days === 0 ? 'within a day' : `in ${daysText(days)}`;
  }
}
