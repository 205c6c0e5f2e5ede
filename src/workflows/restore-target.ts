import type { RestorePlan } from '../archive/plan-restore.ts';
import type { Context } from './context.ts';
import type { Overview } from './overview.ts';
import { type Copied, checkSources, copySources } from './restore-copy.ts';
import type { RestoreOptions } from './restore-options.ts';
import { checkPlaces, openTargets } from './restore-places.ts';
import { checkTarget, type Sink, type TargetPlace } from './target.ts';

/** Where a restore goes: a path, or a stream. */
export interface Destination {
  /** Nothing went out that cannot be taken back. */
  readonly isUntouched: boolean;
  /** Restores by a plan, or leaves everything as it was; a stream keeps what it got. */
  write(overview: Overview, plan: RestorePlan): Promise<Copied>;
  /** Looks whether {@link Destination.write} would succeed, but for the payload, which it does not read. */
  check(overview: Overview, plan: RestorePlan): Promise<Copied>;
}

/**
 * Looks at the target before anything is read.
 * @throws RigError RIG_TARGET_EXISTS, RIG_LOCAL_IO
 */
export async function openDestination(
  context: Context,
  { target, what, force }: RestoreOptions,
): Promise<Destination> {
  if (target.kind === 'stream') {
    return new StreamDestination(context, target);
  }
  const kinds = what === 'journal' ? (['file'] as const) : (['file', 'directory'] as const);
  return new PathDestination(context, await checkTarget(context.fileSystem, target.path, force, kinds));
}

class StreamDestination implements Destination {
  readonly #context: Context;
  readonly #sink: Sink;
  isUntouched = true;

  constructor(context: Context, sink: Sink) {
    this.#context = context;
    this.#sink = {
      givesBack: sink.givesBack,
      write: async (bytes) => {
        this.isUntouched = false;
        await sink.write(bytes);
      },
    };
  }

  check(overview: Overview, plan: RestorePlan): Promise<Copied> {
    return checkSources(this.#context, overview, plan);
  }

  write(overview: Overview, plan: RestorePlan): Promise<Copied> {
    return copySources(this.#context, overview, plan, { state: this.#sink, journal: this.#sink });
  }
}

class PathDestination implements Destination {
  readonly #context: Context;
  readonly #place: TargetPlace;
  readonly isUntouched = true;

  constructor(context: Context, place: TargetPlace) {
    this.#context = context;
    this.#place = place;
  }

  async check(overview: Overview, plan: RestorePlan): Promise<Copied> {
    await checkPlaces(this.#context, this.#place, plan);
    return checkSources(this.#context, overview, plan);
  }

  async write(overview: Overview, plan: RestorePlan): Promise<Copied> {
    const targets = await openTargets(this.#context, this.#place, plan);
    try {
      const copied = await copySources(this.#context, overview, plan, targets);
      this.#context.stop.throwIfAborted();
      await targets.commit();
      return copied;
    } catch (error) {
      await targets.discard();
      throw error;
    }
  }
}
