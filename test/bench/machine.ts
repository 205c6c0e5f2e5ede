import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { showSize } from '../../src/kernel/size.ts';

/** Where the figures come from: without this they mean little. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the directory for temporary files, where journals and archives are. */
  readonly fileSystem: string;
  /** The first line that each rival says of itself. */
  readonly rivals: Readonly<Record<string, string>>;
}

const RIVALS: readonly (readonly [program: string, ...args: string[]])[] = [
  ['zstd', '--version'],
  ['sha256sum', '--version'],
  ['cp', '--version'],
  ['rclone', 'version'],
  ['restic', 'version'],
];

export function thisMachine(directory: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
    fileSystem: firstLine('findmnt', '--noheadings', '--output=FSTYPE', '--target', directory),
    rivals: Object.fromEntries(RIVALS.map(([program, ...args]) => [program, firstLine(program, ...args)])),
  };
}

export function machineLines({
  cpu,
  cores,
  memoryBytes,
  kernel,
  node,
  fileSystem,
  rivals,
}: Machine): string[] {
  return [
    `${cores} cores (${cpu}), ${showSize(memoryBytes)}, Linux ${kernel}, Node.js ${node}, files on ${fileSystem}`,
    ...Object.entries(rivals).map(([program, version]) => `${program}: ${version}`),
    'Local files are read from the page cache; what is written is synced to disk within the time, on both sides.',
    'Times and ratios: median (least..greatest) of runs in turn; a ratio is of two runs next to each other. CPU: user',
    'and system time of all processes. Peak memory: resident, of the largest process.',
  ];
}

/** What all processors did since the machine began, in ticks; `stolen`: what its host gave to others meanwhile. */
export interface ProcessorTime {
  readonly total: number;
  readonly stolen: number;
}

export function processorTime(): ProcessorTime {
  return readProcessorTime(readFileSync('/proc/stat', 'latin1'));
}

/** The first line of `/proc/stat` (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, and steal. */
export function readProcessorTime(stat: string): ProcessorTime {
  const [line = ''] = stat.split('\n');
  const ticks = line.trim().split(/ +/).slice(1, 9).map(Number);
  return { total: ticks.reduce((sum, value) => sum + value, 0), stolen: ticks[7] ?? 0 };
}

/** How much of the processors' time the host took since then: where it is much, other figures say little. */
export function stolenPercentSince(before: ProcessorTime): number {
  const now = processorTime();
  return (100 * (now.stolen - before.stolen)) / Math.max(1, now.total - before.total);
}

function firstLine(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }).split('\n')[0] ?? '';
  } catch {
    return 'not installed';
  }
}
