import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../../src/kernel/assert.ts';
import { errnoOf } from '../../../src/kernel/errors.ts';
import { KIB, MIB } from '../../../src/kernel/size.ts';

const SIZE_BYTES = 96 * MIB;
/** ext4's `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: nothing more reaches the disk. */
const SHUT_DOWN =
  'my $how = pack("L", 2); open(ROOT, "<", $ARGV[0]) && ioctl(ROOT, 0x8004587d, $how) or die $!';

/**
 * May this process mount a file that holds a file system? Root of a real machine may, that of a container often not. A
 * machine that builds changes must, so that nothing is left out there.
 */
export function hasDisks(): boolean {
  return (
    process.env['CI'] === 'true' || (succeeds('unshare', '--mount', 'true') && succeeds('losetup', '--find'))
  );
}

/** A disk of its own with ext4 on it, which can be filled, and whose power can be cut. */
export class Disk {
  readonly path: string;
  readonly #image: string;

  private constructor(path: string) {
    this.path = path;
    this.#image = `${path}.image`;
  }

  /** `path` is made. */
  static mount(path: string): Disk {
    const disk = new Disk(path);
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, SIZE_BYTES);
    call('mkfs.ext4', '-q', '-m', '0', disk.#image);
    mkdirSync(path);
    disk.#mount();
    return disk;
  }

  /** Leaves no room for a single block. */
  fill(): void {
    const ballast = openSync(this.#ballast, 'w');
    for (const chunkBytes of [MIB, 4 * KIB]) {
      fillWith(ballast, Buffer.alloc(chunkBytes));
    }
    closeSync(ballast);
  }

  free(): void {
    rmSync(this.#ballast);
  }

  /** What was not synced is lost. No process may have a file open on it. */
  cutPower(): void {
    call('perl', '-e', SHUT_DOWN, this.path);
    call('umount', this.path);
    this.#mount();
  }

  [Symbol.dispose](): void {
    call('umount', this.path);
    rmSync(this.#image);
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }

  /** Nothing is written by itself before long: only what is synced is there after a power cut. */
  #mount(): void {
    call('mount', '-o', 'loop,commit=300', this.#image, this.path);
  }
}

function fillWith(file: number, chunk: Buffer): void {
  for (;;) {
    try {
      writeSync(file, chunk);
    } catch (error) {
      assert(errnoOf(error) === 'ENOSPC', String(error));
      return;
    }
  }
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function call(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert(status === 0, `${command} ${args.join(' ')}: ${stderr}`);
}
