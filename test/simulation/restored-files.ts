import type { Machine } from './machine.ts';
import type { Scene } from './scene.ts';
import { stateAt } from './snapshot-oracle.ts';

/** Of the journal one file; of a state one, and one with the journal after it. */
export type Restored = 'journal' | 'state';

type Contents = readonly [main: Buffer | undefined, beside: Buffer | undefined];

/** Where a restore writes on a machine: at any moment it is as it was before, or gone, or whole. */
export class RestoredFiles {
  readonly path: string;
  readonly what: Restored;
  readonly #scene: Scene;
  readonly #machine: Machine;
  readonly #old: Contents;
  /** Where what was there is said to be now. */
  readonly #asides = new Map<string, string>();

  /** `isThere`: older files are, which may be replaced. */
  constructor(scene: Scene, machine: Machine, path: string, what: Restored, isThere: boolean) {
    this.#scene = scene;
    this.#machine = machine;
    this.path = path;
    this.what = what;
    const old = ['old', what === 'state' ? 'old journal' : undefined].map((text) =>
      isThere && text !== undefined ? Buffer.from(text) : undefined,
    );
    this.#old = [old[0], old[1]];
  }

  /** Puts the older files there, for good. */
  async prepare(): Promise<void> {
    const { fileSystem } = this.#machine;
    for (const [index, bytes] of this.#old.entries()) {
      if (bytes !== undefined) {
        const handle = await fileSystem.createNew(this.#paths[index] ?? '', 0o600);
        await handle.write(bytes, 0);
        await handle.sync();
        await handle.close();
      }
    }
    await fileSystem.syncDirectory('/');
  }

  /** What was there could not be put back. */
  setAside(path: string, aside: unknown): void {
    if (typeof aside === 'string') {
      this.#asides.set(path, aside);
    }
  }

  /** Are they exactly what an archive's restore to `offset` from this base gives? */
  async holds(base: number | null, offset: number): Promise<boolean> {
    const [main, beside] = await this.#contents(this.#paths);
    const { content } = this.#scene.place.oracle;
    return this.what === 'journal'
      ? main?.equals(content.bytes(0, offset)) === true
      : base !== null &&
          main?.equals(stateAt(content, base)) === true &&
          beside?.equals(content.bytes(base, offset)) === true;
  }

  /** What is wrong with what a restore left that failed or was killed; undefined: nothing. */
  async flaw(
    isOver: 'failed' | 'killed',
    isWanted: (offset: number) => boolean,
  ): Promise<string | undefined> {
    const now = await this.#contents(this.#paths.map((path) => this.#asides.get(path) ?? path));
    const isOld = (index: 0 | 1) => isSame(now[index], this.#old[index]);
    if ((isOld(0) && isOld(1)) || this.#wholeOffsets(now).some(isWanted)) {
      return isOver === 'failed' ? this.#flawOfLeftovers() : undefined;
    }
    if (isOver === 'killed' && now[0] === undefined) {
      return undefined; // a state gets its name last
    }
    const sizes = now.map((bytes) => bytes?.length ?? 'no');
    return `there are ${sizes.join(' and ')} bytes at ${this.path}`;
  }

  /** What is restored under other names until it is complete is removed when that fails. */
  async #flawOfLeftovers(): Promise<string | undefined> {
    const entries = await this.#machine.fileSystem.list('/');
    const asides = [...this.#asides.values()];
    const left = entries.find(
      ({ name }) => name.startsWith(`.${this.path.slice(1)}`) && !asides.includes(`/${name}`),
    );
    return left && `it leaves ${left.name}`;
  }

  /** To which offsets they could have been restored. */
  #wholeOffsets([main, beside]: Contents): readonly number[] {
    const { oracle, snapshots } = this.#scene.place;
    const { content } = oracle;
    if (main === undefined) {
      return [];
    }
    if (this.what === 'journal') {
      return content.bytes(0, main.length).equals(main) ? [main.length] : [];
    }
    const bases = [...snapshots.landed.values()].filter(
      ({ of, at }) =>
        of === 'state' &&
        stateAt(content, at).equals(main) &&
        beside?.equals(content.bytes(at, at + beside.length)) === true,
    );
    return bases.map(({ at }) => at + (beside?.length ?? 0));
  }

  get #paths(): readonly string[] {
    return [this.path, `${this.path}.journal`];
  }

  async #contents(paths: readonly string[]): Promise<Contents> {
    const { fileSystem } = this.#machine;
    const [main, beside] = await Promise.all(
      paths.map(async (path) =>
        (await fileSystem.stat(path)) === undefined ? undefined : fileSystem.contentOf(path),
      ),
    );
    return [main, beside];
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
