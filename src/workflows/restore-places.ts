import type { RestorePlan } from '../archive/plan-restore.ts';
import { messageOf, RigError } from '../kernel/errors.ts';
import { toRawPath } from '../kernel/file-tree.ts';
import { quoteForShell } from '../kernel/shell.ts';
import type { Context } from './context.ts';
import type { Sinks } from './restore-copy.ts';
import { checkTarget, FileTarget, setAside, type Target, type TargetPlace } from './target.ts';
import { checkTreeTarget, TreeTarget } from './tree-target.ts';

/** Everything one restore writes: it appears as a whole or not at all. */
export interface Targets extends Sinks {
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Does a plan give a journal in a file of its own, beside a state? */
export function hasJournalBeside({ state, journal }: RestorePlan): boolean {
  return state !== undefined && journal !== undefined;
}

/** Where the journal after a state goes. */
export function besidePath(path: string): string {
  return `${path}.journal`;
}

/**
 * Looks whether all that a plan gives may be written.
 * @returns the place of the journal that follows a state, where there is one.
 * @throws RigError RIG_TARGET_EXISTS, RIG_LOCAL_IO
 */
export async function checkPlaces(
  { fileSystem, fileTree }: Context,
  place: TargetPlace,
  plan: RestorePlan,
): Promise<TargetPlace | undefined> {
  const wanted = plan.state?.content === 'tar' ? 'directory' : 'file';
  if (place.present !== undefined && place.present !== wanted) {
    const words = { file: 'a file', directory: 'a directory' };
    throw new RigError(
      'RIG_TARGET_EXISTS',
      `target ${place.path} exists and is ${words[place.present]}; what is restored is ${words[wanted]}`,
      { hint: `name ${words[wanted]} to restore to, or remove what is there`, details: { path: place.path } },
    );
  }
  if (wanted === 'directory') {
    await checkTreeTarget(fileTree, place.path, place.replace);
  }
  return hasJournalBeside(plan)
    ? checkTarget(fileSystem, besidePath(place.path), place.replace, ['file'])
    : undefined;
}

/** Opens temporary targets beside the places that a plan writes to. Errors as {@link checkPlaces}. */
export async function openTargets(context: Context, place: TargetPlace, plan: RestorePlan): Promise<Targets> {
  const journalPlace = await checkPlaces(context, place, plan);
  const target = await openTarget(context, place, plan.state?.content === 'tar');
  if (plan.state === undefined) {
    return single(target, { state: undefined, journal: target });
  }
  if (journalPlace === undefined) {
    return single(target, { state: target, journal: undefined });
  }
  try {
    const journal = await openTarget(context, journalPlace, false);
    return new Pair(context, { target, place }, { target: journal, place: journalPlace });
  } catch (error) {
    await target.discard();
    throw error;
  }
}

async function openTarget(context: Context, place: TargetPlace, isTree: boolean): Promise<Target> {
  const { fileSystem, fileTree, random } = context;
  if (!isTree) {
    return FileTarget.create(fileSystem, place, random);
  }
  const target = await TreeTarget.create(fileTree, place, random);
  return {
    write: (bytes) => target.write(bytes),
    discard: () => target.discard(),
    async commit() {
      const { leftBehind } = await target.commit();
      if (leftBehind !== undefined) {
        tellOfOld(context, leftBehind);
      }
    },
  };
}

function tellOfOld({ report }: Context, path: string): void {
  report({
    type: 'warning',
    code: 'old-target-left',
    message: `what was replaced could not be deleted: ${path}`,
    hint: 'delete it',
    details: { path },
  });
}

function single(target: Target, sinks: Sinks): Targets {
  return { ...sinks, commit: () => target.commit(), discard: () => target.discard() };
}

interface Placed {
  readonly target: Target;
  readonly place: TargetPlace;
}

/**
 * A state and the journal after it. The old ones are out of the way before the first new one gets its name, and the
 * state comes last: whatever happens in between, no state ever stands beside a journal that does not belong to it.
 */
class Pair implements Targets {
  readonly #context: Context;
  readonly #state: Placed;
  readonly #journal: Placed;

  constructor(context: Context, state: Placed, journal: Placed) {
    this.#context = context;
    this.#state = state;
    this.#journal = journal;
  }

  get state(): Target {
    return this.#state.target;
  }

  get journal(): Target {
    return this.#journal.target;
  }

  async commit(): Promise<void> {
    const { fileSystem, random } = this.#context;
    const undo: (() => Promise<void>)[] = [];
    const old: { readonly aside: string; readonly place: TargetPlace }[] = [];
    try {
      for (const { place } of [this.#state, this.#journal]) {
        const aside = await setAside(fileSystem, place, random);
        if (aside !== undefined) {
          old.push({ aside, place });
          undo.unshift(() => this.#putBack(aside, place));
        }
      }
      await this.#journal.target.commit();
      undo.unshift(() => fileSystem.remove(this.#journal.place.path));
      await this.#state.target.commit();
    } catch (error) {
      for (const step of undo) {
        await step().catch(() => undefined); // the error that came first is the one to tell
      }
      throw error;
    }
    for (const { aside, place } of old) {
      await this.#removeOld(aside, place);
    }
  }

  async #putBack(aside: string, { path }: TargetPlace): Promise<void> {
    try {
      await this.#context.fileSystem.rename(aside, path);
    } catch (error) {
      this.#context.report({
        type: 'warning',
        code: 'old-target-aside',
        message: `what was at ${path} could not be put back, and is at ${aside} now: ${messageOf(error)}`,
        hint: `put it back: mv ${quoteForShell(aside)} ${quoteForShell(path)}`,
        details: { path, aside },
      });
    }
  }

  async #removeOld(aside: string, { present }: TargetPlace): Promise<void> {
    const { fileSystem, fileTree } = this.#context;
    try {
      await (present === 'directory'
        ? fileTree.remove(toRawPath(aside), { recursive: true })
        : fileSystem.remove(aside));
    } catch {
      tellOfOld(this.#context, aside);
    }
  }

  async discard(): Promise<void> {
    await this.#state.target.discard();
    await this.#journal.target.discard();
  }
}
