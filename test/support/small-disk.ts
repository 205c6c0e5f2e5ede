import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { assert } from '../../src/kernel/assert.ts';

/** Root of a real machine may mount; root of a container often may not. */
export function isMountingPossible(): boolean {
  return spawnSync('unshare', ['--mount', 'true']).status === 0;
}

/** A file system of its own, in memory, so small that it can be filled. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `path` is made. */
  static async mount(path: string, sizeKib: number): Promise<SmallDisk> {
    await mkdir(path);
    call('mount', '-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'rigctl-test', path);
    return new SmallDisk(path);
  }

  makeReadOnly(): void {
    call('mount', '-o', 'remount,ro', this.path);
  }

  grow(sizeKib: number): void {
    call('mount', '-o', `remount,size=${sizeKib}k`, this.path);
  }

  [Symbol.dispose](): void {
    call('umount', this.path);
  }
}

function call(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert(status === 0, `${command} ${args.join(' ')}: ${stderr}`);
}
