import { describe, expect, test } from 'vitest';
import { RigError } from '../../src/kernel/errors.ts';
import { restore } from '../../src/workflows/restore.ts';
import { names, options, refusal } from '../support/line-archive.ts';
import { systemError } from '../support/memory-filesystem.ts';
import { archiveWith, contents, expectState } from '../support/snapshot-archive.ts';
import { type TestContext, testContext } from '../support/workflow-context.ts';

const STATE = { what: 'state' } as const;

describe('the two targets of a state', () => {
  async function oldPair(): Promise<TestContext> {
    const context = testContext((await archiveWith({ at: 14 })).store);
    context.fileSystem.append('/out', 'old state');
    context.fileSystem.append('/out.journal', 'old journal');
    return context;
  }

  test.each(['/out', '/out.journal'])('are refused when %s exists', async (path) => {
    const context = testContext((await archiveWith({ at: 14 })).store);
    context.fileSystem.append(path, 'mine');
    for (const dryRun of [false, true]) {
      const error = await refusal(restore(context, options({ ...STATE, dryRun })));
      expect(error).toMatchObject({ code: 'RIG_TARGET_EXISTS', details: { path } });
    }
    expect(contents(context, path)).toBe('mine');
  });

  test('are both replaced with --force', async () => {
    const context = await oldPair();
    await restore(context, options({ ...STATE, force: true }));
    expectState(context, 14, 34);
    expect(await names(context)).toEqual(['out', 'out.journal']);
  });

  /** Calls of a restore that replaces both, from the first rename on. */
  async function callsOfReplacing(): Promise<number> {
    const context = await oldPair();
    let calls = 0;
    context.fileSystem.beforeCall = () => {
      calls += 1;
    };
    await restore(context, options({ ...STATE, force: true }));
    return calls;
  }

  test('are both as they were, or both new, whichever call fails', async () => {
    const total = await callsOfReplacing();
    for (let failing = 1; failing <= total; failing += 1) {
      const context = await oldPair();
      let calls = 0;
      context.fileSystem.beforeCall = ({ name, path }) => {
        calls += 1;
        if (calls === failing) {
          throw systemError('EIO', name, path);
        }
      };
      const failed = await restore(context, options({ ...STATE, force: true })).then(
        () => false,
        () => true,
      );
      context.fileSystem.beforeCall = () => {};
      const isOld = contents(context) === 'old state';
      expect(contents(context, '/out.journal') === 'old journal').toBe(isOld);
      expect(isOld).toBe(failed);
    }
  });

  test('are both absent, or both there, whichever call fails', async () => {
    for (let failing = 1, isDone = false; !isDone; failing += 1) {
      const context = testContext((await archiveWith({ at: 14 })).store);
      let calls = 0;
      context.fileSystem.beforeCall = ({ name, path }) => {
        calls += 1;
        if (calls === failing) {
          throw systemError('ENOSPC', name, path);
        }
      };
      const error = await restore(context, options({ ...STATE })).catch((failure) => failure);
      context.fileSystem.beforeCall = () => {};
      expect(await names(context)).toEqual(error instanceof RigError ? [] : ['out', 'out.journal']);
      isDone = calls < failing;
    }
  });

  test('are told of where they are when they cannot be put back', async () => {
    const context = await oldPair();
    let isFull = false;
    context.fileSystem.beforeCall = ({ name, path }) => {
      isFull ||= name === 'rename' && path.startsWith('/.out.journal');
      if (isFull && name !== 'remove' && name !== 'stat') {
        throw systemError('ENOSPC', name, path);
      }
    };
    await refusal(restore(context, options({ ...STATE, force: true })));
    context.fileSystem.beforeCall = () => {};
    const warning = context.reports.find((report) => report.type === 'warning');
    expect(warning).toMatchObject({
      code: 'old-target-aside',
      details: { path: '/out' },
    });
    const aside = `${warning?.type === 'warning' && warning.details?.['aside']}`;
    expect(contents(context, aside)).toBe('old state');
    expect(warning).toMatchObject({ hint: `put it back: mv ${aside} /out` });
  });

  test('never stand beside an old one, whenever the power fails', async () => {
    const total = await callsOfReplacing();
    for (let crashing = 1; crashing <= total; crashing += 1) {
      const context = await oldPair();
      await context.fileSystem.syncDirectory('/');
      let calls = 0;
      context.fileSystem.beforeCall = ({ name, path }) => {
        calls += 1;
        if (calls >= crashing) {
          throw systemError('EIO', name, path); // from here on nothing happens any more
        }
      };
      await restore(context, options({ ...STATE, force: true })).catch(() => undefined);
      context.fileSystem.beforeCall = () => {};
      const present = await names(context);
      if (present.includes('out')) {
        const isOld = contents(context) === 'old state';
        expect(present).toContain('out.journal');
        expect(contents(context, '/out.journal') === 'old journal').toBe(isOld);
      }
    }
  });

  test('are left as they were by a full disk', async () => {
    const context = await oldPair();
    context.fileSystem.freeBytes = 20;
    const error = await refusal(restore(context, options({ ...STATE, force: true })));
    expect(error).toMatchObject({ code: 'RIG_LOCAL_IO', details: { errno: 'ENOSPC' } });
    expect(contents(context)).toBe('old state');
    expect(contents(context, '/out.journal')).toBe('old journal');
    expect(await names(context)).toEqual(['out', 'out.journal']);
  });
});
