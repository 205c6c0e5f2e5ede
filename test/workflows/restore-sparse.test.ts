import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileSystem } from '../../src/kernel/filesystem.ts';
import { restore } from '../../src/workflows/restore.ts';
import { buildArchive } from '../support/archive-builder.ts';
import { options } from '../support/line-archive.ts';
import { archiveWith } from '../support/snapshot-archive.ts';
import { putSnapshot } from '../support/snapshot-builder.ts';
import { testContext } from '../support/workflow-context.ts';

const HOLE = Buffer.alloc(4_000_000);

let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rigctl-sparse-'));
  path = join(directory, 'state');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function expectHoles(content: Buffer): void {
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(statSync(path).blocks * 512).toBeLessThan(100_000);
}

describe('a state that is a file', () => {
  it.each([
    ['at its beginning', Buffer.concat([HOLE, Buffer.from('x\n')])],
    ['at its end', Buffer.concat([Buffer.from('x\n'), HOLE])],
    ['everywhere', HOLE],
  ])('has holes where it has zeros %s', async (_, content) => {
    const { store } = await buildArchive({ journal: new Uint8Array(0), cuts: [], format: 'none' });
    await putSnapshot(store, { at: 5, content });
    const target = { kind: 'file', path } as const;
    const result = await restore({ ...testContext(store), fileSystem: nodeFileSystem }, options({ target }));
    expect(result.bytes).toBe(content.length);
    expectHoles(content);
  });

  it('has holes beside its journal too', async () => {
    const content = Buffer.concat([HOLE, Buffer.from('x\n')]);
    const { store } = await archiveWith({ at: 28, content });
    const target = { kind: 'file', path } as const;
    await restore({ ...testContext(store), fileSystem: nodeFileSystem }, options({ what: 'state', target }));
    expectHoles(content);
    expect(readFileSync(`${path}.journal`, 'utf8')).toBe('seven\n');
  });
});
