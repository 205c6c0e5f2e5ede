import { nodeFileTree } from '../../src/kernel/file-tree.ts';
import type { Report } from '../../src/kernel/report.ts';
import type { Store } from '../../src/store/contract.ts';
import type { Context } from '../../src/workflows/context.ts';
import { MemoryFileSystem } from './memory-filesystem.ts';
import { seededRandom } from './seeded-random.ts';
import { SimulatedClock } from './simulated-clock.ts';

/** A workflow's surroundings, all of them in memory, and what it reported. */
export interface TestContext extends Context {
  readonly fileSystem: MemoryFileSystem;
  readonly reports: Report[];
  /** The first signal. */
  readonly interrupt: AbortController;
}

export function testContext(store: Store): TestContext {
  const clock = new SimulatedClock();
  const reports: Report[] = [];
  const interrupt = new AbortController();
  return {
    store,
    clock,
    random: seededRandom(1),
    fileSystem: new MemoryFileSystem(clock),
    fileTree: nodeFileTree,
    report: (report) => reports.push(report),
    reports,
    interrupt,
    stop: interrupt.signal,
    abort: new AbortController().signal,
  };
}

/** The codes of the reports of a type, in order. */
export function codesOf(reports: readonly Report[], type: 'note' | 'warning'): string[] {
  return reports.flatMap((report) => (report.type === type && 'code' in report ? [report.code] : []));
}
