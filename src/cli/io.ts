import { hostname } from 'node:os';
import type { BatchUnpacker } from '../archive/unpacker.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { type FileTree, nodeFileTree } from '../kernel/file-tree.ts';
import { type FileSystem, nodeFileSystem } from '../kernel/filesystem.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import type { Store } from '../store/contract.ts';
import type { StoreEnvironment } from '../store/registry.ts';
import type { SignalName } from './exit-status.ts';
import type { OutputStream } from './output.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything a command touches outside of itself, so that tests can run commands in their own process. */
export interface CommandIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly fileTree: FileTree;
  readonly host: string;
  readonly pid: number;
  /** Starts threads that write into files; undefined: there are none. */
  readonly openUnpacker: (() => Promise<BatchUnpacker>) | undefined;
  openStore(url: string, environment: StoreEnvironment): Promise<Store>;
  /**
   * Asks whoever sits at the terminal and gives the answer, empty when the terminal is closed. Undefined: nobody sits
   * there. Rejects when `signal` is aborted.
   */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** Calls `listener` at every SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: (signal: SignalName) => void): () => void;
  /**
   * Calls `listener` for exceptions and rejections that nobody caught, and when nothing is left to wait for although
   * the command has not ended, until the returned function is called.
   */
  onFault(listener: (error: unknown) => void): () => void;
}

/** The real process. What only commands with a store need is loaded when the first one is opened. */
export function processIo(): CommandIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    clock: systemClock,
    random: systemRandom,
    fileSystem: nodeFileSystem,
    fileTree: nodeFileTree,
    host: hostname(),
    pid: process.pid,
    openUnpacker: async () => (await import('../archive/thread-unpacker.ts')).openThreadUnpacker(),
    openStore: async (url, environment) => {
      await collectEarly();
      const { openStore } = await import('../store/registry.ts');
      return openStore(url, environment);
    },
    ask: async (question, signal) => {
      const { askTerminal } = await import('./ask.ts');
      return askTerminal(question, process.stdin, process.stderr, signal);
    },
    onSignal(listener) {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
    onFault(listener) {
      process.on('uncaughtException', listener);
      process.on('unhandledRejection', listener);
      const onIdle = () => listener(new Error('nothing is left to wait for, and the work is not done'));
      process.on('beforeExit', onIdle);
      return () => {
        process.off('beforeExit', onIdle);
        process.off('uncaughtException', listener);
        process.off('unhandledRejection', listener);
      };
    },
  };
}

/** What lives shortly is collected while it is little: 80 MiB less for 100,000 files, and no slower. */
async function collectEarly(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
}
