import { describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { RigError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/contract.ts';
import { type RestoreOptions, restore } from '../../src/workflows/restore.ts';
import { LINES, lineArchive, names, options, refusal } from '../support/line-archive.ts';
import { systemError } from '../support/memory-filesystem.ts';
import { type TestContext, testContext } from '../support/workflow-context.ts';

describe('the target', () => {
  async function attempt(context: TestContext, changes: Partial<RestoreOptions> = {}) {
    return refusal(restore(context, options(changes)));
  }

  test('that exists is refused before anything is read, whatever it is', async () => {
    const { store } = await lineArchive();
    const unread: Store = new Proxy(store, {
      get: (_, name) => {
        throw new Error(`the store is asked for ${String(name)}`);
      },
    });
    const context = testContext(unread);
    context.fileSystem.append('/out', 'mine');
    await context.fileSystem.makeDirectory('/folder', 0o755);
    expect(await attempt(context)).toMatchObject({ code: 'RIG_TARGET_EXISTS' });
    const target = { kind: 'file', path: '/folder' } as const;
    expect(await attempt(context, { target, force: true, what: 'journal' })).toMatchObject({
      code: 'RIG_TARGET_EXISTS',
    });
    const orphan = { kind: 'file', path: '/nowhere/out' } as const;
    expect(await attempt(context, { target: orphan })).toMatchObject({ code: 'RIG_LOCAL_IO' });
    expect(context.fileSystem.contentOf('/out').toString()).toBe('mine');
  });

  test('that is a directory is not replaced by a journal', async () => {
    const context = testContext((await lineArchive()).store);
    await context.fileSystem.makeDirectory('/folder', 0o755);
    const target = { kind: 'file', path: '/folder' } as const;
    for (const dryRun of [false, true]) {
      expect(await attempt(context, { target, force: true, dryRun })).toMatchObject({
        code: 'RIG_TARGET_EXISTS',
      });
    }
    expect(await names(context)).toEqual(['folder']);
  });

  test('is replaced with --force and keeps its mode; a new one is private', async () => {
    const context = testContext((await lineArchive()).store);
    await restore(context, options());
    expect(await context.fileSystem.stat('/out')).toMatchObject({ mode: 0o600 });
    const open = await context.fileSystem.createNew('/open', 0o644);
    await open.close();
    await restore(context, options({ force: true, target: { kind: 'file', path: '/open' } }));
    expect(await context.fileSystem.stat('/open')).toMatchObject({ mode: 0o644, sizeBytes: 34 });
    expect(await names(context)).toEqual(['open', 'out']);
  });

  test('survives a power loss as soon as the restore has returned', async () => {
    const context = testContext((await lineArchive()).store);
    await restore(context, options());
    context.fileSystem.crash();
    expect(context.fileSystem.contentOf('/out')).toEqual(LINES);
  });

  test('that appears meanwhile is not replaced', async () => {
    const context = testContext((await lineArchive()).store);
    context.fileSystem.beforeCall = ({ name }) => {
      if (name === 'handle.sync') {
        context.fileSystem.append('/out', 'faster');
      }
    };
    expect(await attempt(context)).toMatchObject({ code: 'RIG_TARGET_EXISTS' });
    expect(context.fileSystem.contentOf('/out').toString()).toBe('faster');
    expect(await names(context)).toEqual(['out']);
  });

  test('without hard links is made by a rename', async () => {
    const context = testContext((await lineArchive()).store);
    context.fileSystem.beforeCall = ({ name, path }) => {
      if (name === 'link') {
        throw systemError('EPERM', 'link', path);
      }
    };
    await restore(context, options());
    expect(context.fileSystem.contentOf('/out')).toEqual(LINES);
    expect(await names(context)).toEqual(['out']);
  });

  test('on a full disk stays as it was and nothing is left behind', async () => {
    const context = testContext((await lineArchive()).store);
    context.fileSystem.append('/out', 'mine');
    context.fileSystem.freeBytes = 20;
    const error = await attempt(context, { force: true });
    expect(error).toMatchObject({ code: 'RIG_LOCAL_IO', details: { errno: 'ENOSPC' } });
    expect(error.hint).toContain('free space');
    expect(context.fileSystem.contentOf('/out').toString()).toBe('mine');
    expect(await names(context)).toEqual(['out']);
  });

  test.each(['createNew', 'handle.write', 'handle.sync', 'handle.setMode', 'rename'] as const)(
    'stays as it was when %s fails',
    async (call) => {
      const context = testContext((await lineArchive()).store);
      context.fileSystem.append('/out', 'mine');
      context.fileSystem.beforeCall = ({ name, path }) => {
        if (name === call) {
          throw systemError('EROFS', call, path);
        }
      };
      expect(await attempt(context, { force: true })).toMatchObject({ code: 'RIG_LOCAL_IO' });
      context.fileSystem.beforeCall = () => {};
      expect(context.fileSystem.contentOf('/out').toString()).toBe('mine');
      expect(await names(context)).toEqual(['out']);
    },
  );

  test('stays as it was after a signal, which is the reason given', async () => {
    const context = testContext((await lineArchive()).store);
    const signal = new RigError('RIG_INTERRUPTED', 'interrupted by SIGINT');
    context.fileSystem.beforeCall = ({ name }) => {
      if (name === 'handle.write') {
        context.interrupt.abort(signal);
      }
    };
    expect(await attempt(context)).toBe(signal);
    expect(await names(context)).toEqual([]);
  });

  test('that is a stream gets nothing more after a signal', async () => {
    const context = testContext((await lineArchive({ frameBytes: 1 })).store);
    let writes = 0;
    const write = async () => {
      writes += 1;
      context.interrupt.abort(new RigError('RIG_INTERRUPTED', 'interrupted by SIGINT'));
    };
    expect(await attempt(context, { target: { kind: 'stream', write } })).toMatchObject({
      code: 'RIG_INTERRUPTED',
    });
    expect(writes).toBe(1);
  });

  test('is not made of a file that somebody else writes to', async () => {
    const context = testContext((await lineArchive()).store);
    context.fileSystem.beforeCall = ({ name, path }) => {
      if (name === 'handle.sync') {
        context.fileSystem.append(path, 'more');
      }
    };
    expect(await attempt(context)).toMatchObject({ code: 'RIG_LOCAL_IO' });
    expect(await names(context)).toEqual([]);
  });

  test('is not touched by a dry run, which reads no payload and still checks the chain', async () => {
    const archive = await lineArchive();
    const context = testContext(archive.store);
    expect(await restore(context, options({ dryRun: true }))).toMatchObject({
      offset: 34,
      batches: 3,
      records: 0,
      dryRun: true,
    });
    expect(await names(context)).toEqual([]);
    archive.namespace.objects.delete(batchKey(8));
    expect(await attempt(context, { dryRun: true })).toMatchObject({ code: 'RIG_CHAIN_GAP' });
  });

  test('that is a stream gets the bytes in order and nothing else', async () => {
    const context = testContext((await lineArchive({ frameBytes: 5 })).store);
    const parts: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => {
      parts.push(bytes.slice());
    };
    const result = await restore(context, options({ target: { kind: 'stream', write } }));
    expect(Buffer.concat(parts)).toEqual(LINES);
    expect(result.target).toBe('-');
    expect(await names(context)).toEqual([]);
  });
});
