import { expect, it } from 'vitest';
import * as rigctl from '../src/index.ts';
import { createMemoryNamespace } from '../src/store/drivers/memory.ts';
import { MemoryFileSystem } from './support/memory-filesystem.ts';
import { SimulatedClock } from './support/simulated-clock.ts';

it('the library pushes, verifies and restores without a command line', async () => {
  const clock = new SimulatedClock();
  const fileSystem = new MemoryFileSystem(clock);
  const reports: rigctl.Report[] = [];
  const context = await rigctl.openContext('memory:', {
    clock,
    fileSystem,
    memory: createMemoryNamespace(),
    report: (report) => reports.push(report),
  });
  fileSystem.append('/app.log', 'one\ntwo\n');
  const pushed = await clock.runUntil(
    rigctl.push(context, {
      journal: '/app.log',
      follow: false,
      format: 'lines',
      intervalMs: 1_000,
      batchBytes: undefined,
      compression: { name: 'zstd', level: 1 },
      host: 'web1',
      pid: 1,
      deadlineMs: 60_000,
      unsafeNoFencing: false,
      snapshots: undefined,
      journalSnapshot: false,
      fullRatio: 0.5,
    }),
  );
  expect(pushed.durable).toBe(8);
  expect(reports).toContainEqual(expect.objectContaining({ type: 'durable', durable: 8 }));
  const { findings } = await clock.runUntil(rigctl.verify(context, { level: 'replay', against: undefined }));
  expect(findings).toEqual([]);
  await clock.runUntil(
    rigctl.restore(context, {
      at: { kind: 'offset', offset: 4 },
      nearest: undefined,
      dryRun: false,
      force: false,
      target: { kind: 'file', path: '/out' },
    }),
  );
  expect(fileSystem.contentOf('/out').toString()).toBe('one\n');
  await context.store.close();
});

it('an archive URL that is wrong is refused with a code', async () => {
  await expect(rigctl.openContext('nowhere')).rejects.toMatchObject({ code: 'RIG_CONFIG_INVALID' });
});
