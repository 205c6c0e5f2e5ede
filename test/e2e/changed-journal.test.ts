import { access, appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { expectRefusalInJson, expectRefusalInWords, JOURNAL, type Running, Scene } from '../support/scene.ts';

/** What happens to the journal while it is followed, and what is said of it. */
const CHANGES: Readonly<Record<string, readonly [change: (path: string) => unknown, message: string]>> = {
  shrunk: [(path) => truncate(path, 4), 'journal app.log was truncated to 4 bytes after offset 34 (0x22)'],
  emptied: [(path) => truncate(path, 0), 'journal app.log was truncated to 0 bytes after offset 34 (0x22)'],
  replaced: [
    async (path) => {
      await writeFile(`${path}.new`, `${JOURNAL}eight\n`);
      await rename(`${path}.new`, path);
    },
    'journal app.log was replaced: its name belongs to another file now',
  ],
  'rotated away': [(path) => rename(path, `${path}.1`), 'journal app.log was removed'],
  removed: [(path) => rm(path), 'journal app.log was removed'],
  'rewritten in place': [
    async (path) => {
      await writeFile(path, 'ONE', { flag: 'r+' });
      await appendFile(path, 'eight\n');
    },
    'journal app.log was rewritten below offset 34 (0x22), which was read before',
  ],
};

const FOLLOW = ['push', 'app.log', '--follow', '--interval', '0', '--archive', 'file:new'];

/** A follower that has everything archived, and thinks that all is well. */
async function follow(scene: Scene, ...flags: string[]): Promise<Running> {
  const follower = scene.start([...FOLLOW, ...flags]);
  await vi.waitFor(() => access(scene.path('new/LOG/0000000000000000')), { timeout: 60_000 });
  return follower;
}

describe.concurrent('a journal that is followed and', () => {
  it.each(Object.entries(CHANGES))(
    '%s ends the follower and harms nothing',
    async (_title, [change, message]) => {
      await using scene = await Scene.create();
      const follower = await follow(scene, '--json');
      await change(scene.path('app.log'));
      expectRefusalInJson(await follower.ended, {
        exitCode: 15,
        code: 'RIG_JOURNAL_TRUNCATED',
        message,
        hint: 'find out what changed it before anything else, then push the file to a new archive',
      });
      const archive = ['--archive', 'file:new'];
      expect((await scene.run(['restore', '--to', '-', ...archive])).stdout).toBe(JOURNAL);
      expect(await scene.run(['verify', ...archive])).toMatchObject({ exitCode: 0 });
    },
  );

  it('shrunk is told to people as to programs', async () => {
    await using scene = await Scene.create();
    const follower = await follow(scene);
    await truncate(scene.path('app.log'), 4);
    const message = 'journal app.log was truncated to 4 bytes after offset 34 (0x22) was seen';
    const hint = 'find out what changed it before anything else, then push the file to a new archive';
    expectRefusalInWords(await follower.ended, 15, { message, hint });
  });

  it('shrunk while nobody followed is not pushed', async () => {
    await using scene = await Scene.create();
    await truncate(scene.path('app.log'), 14);
    const said = await scene.run(['push', 'app.log', '--follow', '--json']);
    expectRefusalInJson(said, {
      exitCode: 11,
      code: 'RIG_LOCAL_BEHIND',
      message: 'app.log ends at offset 14 (0xe), the archive at 34 (0x22)',
      hint: 'restore to the archive',
    });
  });
});
