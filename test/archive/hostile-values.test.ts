import { describe, expect, test } from 'vitest';
import { readClaim } from '../../src/archive/claim.ts';
import { readDescriptor } from '../../src/archive/descriptor.ts';
import { batchKey, DESCRIPTOR_KEY, writerKey } from '../../src/archive/layout.ts';
import { ls } from '../../src/workflows/ls.ts';
import { status } from '../../src/workflows/status.ts';
import { objectBytes, overwrite, withHeader } from '../support/archive-builder.ts';
import { collect } from '../support/collect.ts';
import { LINES, lineArchive, refusal } from '../support/line-archive.ts';
import { PushWorld } from '../support/push-world.ts';
import { testContext } from '../support/workflow-context.ts';

/** What fuzzing found once. */
describe('an archive that holds', () => {
  test.each([
    ['that no text can be made of', '{"toString":1}'],
    ['that is nested too deep to be shown', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('a version %s is refused', async (_title, version) => {
    const { store } = await lineArchive();
    await overwrite(store, DESCRIPTOR_KEY, `{"version":${version}}`);
    expect(await refusal(readDescriptor(store))).toMatchObject({
      code: 'RIG_VERSION_UNKNOWN',
      message: 'ARCHIVE.json has a version that is no number, this rigctl reads version 1',
    });
  });

  test('a time that no calendar has shows the last one', async () => {
    const archive = await lineArchive();
    const observed = [[LINES.length, Number.MAX_SAFE_INTEGER]];
    await overwrite(
      archive.store,
      batchKey(19),
      withHeader(objectBytes(archive, batchKey(19)), { observed }),
    );
    expect(await status(testContext(archive.store))).toMatchObject({
      lastObserved: '9999-12-31T23:59:59.999Z',
    });
  });

  test('an object with such a time is listed', async () => {
    const { store, namespace } = await lineArchive();
    const stray = {
      bytes: new Uint8Array(),
      sizeBytes: 0,
      version: '1',
      modifiedAtMs: Number.MAX_SAFE_INTEGER,
    };
    namespace.objects.set('stray', stray);
    const entries = await collect(ls(testContext(store)));
    expect(entries).toContainEqual(expect.objectContaining({ modifiedAt: '9999-12-31T23:59:59.999Z' }));
  });

  test('a claim of a process that no number names is refused', async () => {
    const archive = await lineArchive();
    const claim = objectBytes(archive, writerKey(2)).toString().replace('4711', '1e999');
    await overwrite(archive.store, writerKey(2), claim);
    expect(await refusal(readClaim(archive.store, 2))).toMatchObject({ code: 'RIG_CHECKSUM_MISMATCH' });
  });

  test('a claim after which there is no epoch is refused by a push', async () => {
    const archive = await lineArchive();
    const world = new PushWorld();
    for (const [key, object] of archive.namespace.objects) {
      world.namespace.objects.set(key, object);
    }
    const claim = JSON.parse(objectBytes(archive, writerKey(2)).toString());
    const epoch = Number.MAX_SAFE_INTEGER;
    await overwrite(world.store(), writerKey(epoch), JSON.stringify({ ...claim, epoch }));
    world.fileSystem.append('/journal', Buffer.concat([LINES, Buffer.from('eight\n')]));
    expect(await refusal(world.once({ journal: '/journal' }))).toMatchObject({
      code: 'RIG_CHECKSUM_MISMATCH',
      details: { object: writerKey(epoch) },
    });
  });
});
