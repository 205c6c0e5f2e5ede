import { describe, expect, test } from 'vitest';
import { batchKey } from '../../src/archive/layout.ts';
import { RigError } from '../../src/kernel/errors.ts';
import { previewLifecycle, showLifecycle } from '../../src/workflows/lifecycle.ts';
import { ARCHIVE_ID } from '../support/archive-builder.ts';
import { expire } from '../support/expire.ts';
import { POLICY } from '../support/lifecycle-rules.ts';
import {
  beforeCall,
  DOCUMENT,
  FOREIGN,
  lifecycleWorld,
  ownNames,
  REACHING,
  writes,
} from '../support/lifecycle-world.ts';
import { names, refusal } from '../support/line-archive.ts';
import { codesOf } from '../support/workflow-context.ts';

const DAY_MS = 86_400_000;
const OWN_NAMES = ['log', 'snapshot', 'log-leftovers', 'snapshot-leftovers'];
const BY_AGE = { ...POLICY, byAge: true };

describe('apply', () => {
  test('sets the rules up, and has nothing to do the next time', async () => {
    const w = await lifecycleWorld();
    const result = await w.apply();
    expect(result).toMatchObject({ archive: ARCHIVE_ID, before: [], changed: true, backup: null });
    expect(ownNames(result.after)).toEqual(OWN_NAMES);
    expect(codesOf(w.context.reports, 'note')).toEqual(['lifecycle-marks']);
    const { document } = w.namespace.rules;
    expect(await w.apply()).toMatchObject({ changed: false, after: result.after });
    expect([w.asked, writes(w), w.namespace.rules.document]).toEqual([['change'], 1, document]);
  });

  test('keeps the rules of others byte for byte, and a copy of the document', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    const {
      backup,
      before: [foreign],
      after,
    } = await w.apply();
    expect(foreign).toMatchObject({
      own: false,
      id: 'of & others',
      unknownElements: ['DelMarkerExpiration'],
    });
    expect(after.filter(({ own }) => !own)).toEqual([foreign]);
    expect(w.namespace.rules.document).toContain(`xmlns="urn:x">`);
    expect(w.namespace.rules.document).toContain(FOREIGN);
    expect(backup).toBe(`/rigctl-lifecycle-${ARCHIVE_ID}-2026-11-21T103207.000Z.xml`);
    expect(w.context.fileSystem.contentOf(backup ?? '').toString()).toBe(DOCUMENT);
    expect((await w.context.fileSystem.stat(backup ?? ''))?.mode).toBe(0o600);
  });

  test('shows what will be and changes nothing when that is not agreed to', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    const confirm = async ({ before, after }: { before: readonly unknown[]; after: readonly unknown[] }) => {
      expect([before.length, after.length]).toEqual([1, 5]);
      throw new RigError('RIG_USAGE', 'no');
    };
    expect(await refusal(w.apply({ confirm }))).toMatchObject({ message: 'no' });
    expect([writes(w), w.namespace.rules.document, await names(w.context)]).toEqual([0, DOCUMENT, []]);
  });

  test('changes the days of rules that are there', async () => {
    const w = await lifecycleWorld();
    await w.apply();
    const { before, after } = await w.apply({ policy: { ...POLICY, logDays: 9 } });
    const days = (rules: typeof before) => rules.map(({ expireAfterDays }) => expireAfterDays);
    expect([days(before), days(after)]).toEqual([
      [3, 30, undefined, undefined],
      [9, 30, undefined, undefined],
    ]);
  });

  test('covers older versions where they are kept, and says what prune leaves there', async () => {
    const w = await lifecycleWorld();
    w.namespace.rules.keepsVersions = true;
    const { after } = await w.apply();
    expect(after.map(({ expireNoncurrentAfterDays }) => expireNoncurrentAfterDays)).toEqual([
      3,
      30,
      undefined,
      undefined,
    ]);
    expect(codesOf(w.context.reports, 'note')).toEqual(['lifecycle-marks', 'lifecycle-versions']);
  });

  test('refuses when a rule of others reaches the archive, naming it', async () => {
    const w = await lifecycleWorld(REACHING);
    expect(await refusal(w.apply())).toMatchObject({
      code: 'RIG_UNSAFE',
      message: expect.stringContaining('lifecycle rule "all" reaches LOG/ and SNAPSHOT/'),
      details: { refusals: [expect.any(String)] },
    });
    expect([w.asked, writes(w)]).toEqual([[], 0]);
  });

  test('refuses when there is something beside the rules that would get lost, and so does remove', async () => {
    const w = await lifecycleWorld('<LifecycleConfiguration/>');
    await w.apply();
    w.namespace.rules.document = w.namespace.rules.document.replace('</Life', '<Foo/></Life');
    const error = { code: 'RIG_UNSAFE', message: expect.stringMatching(/would lose: Foo$/) };
    expect(await refusal(w.apply())).toMatchObject(error);
    expect(await refusal(w.remove())).toMatchObject(error);
    expect(writes(w)).toBe(1);
  });

  test('stops when somebody else changed the rules while it was asking', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    const confirm = async () => {
      w.namespace.rules.document = DOCUMENT.replace('<Days>5', '<Days>6');
    };
    expect(await refusal(w.apply({ confirm }))).toMatchObject({
      code: 'RIG_UNSAFE',
      message: expect.stringContaining('somebody else changed'),
    });
    expect([writes(w), await names(w.context)]).toEqual([0, []]);
  });

  test('writes nothing when the present rules cannot be kept in a file', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    expect(await refusal(w.apply({ backupDirectory: '/none' }))).toMatchObject({ code: 'RIG_LOCAL_IO' });
    expect(writes(w)).toBe(0);
  });

  test('waits until a slow server shows the rules', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    let written = '';
    // The first read after the write shows what was before it.
    beforeCall(w, 'read lifecycle rules', 3, () => {
      written = w.namespace.rules.document;
      w.namespace.rules.document = DOCUMENT;
      void w.clock.sleep(3_000).then(() => {
        w.namespace.rules.document = written;
      });
    });
    expect(await w.apply()).toMatchObject({ changed: true });
    expect(writes(w)).toBe(1);
    expect(w.clock.monotonicMs()).toBe(3_000);
  });

  test.each([
    ['a rule of others', '<DelMarkerExpiration><Days>3</Days></DelMarkerExpiration>', ''],
    ['the tag of its own rules', /<And>(<Prefix>LOG.*?)<Tag>.*?<\/And>/, '$1'],
  ])('puts the rules from before back when the server loses %s', async (_, what, instead) => {
    const w = await lifecycleWorld(DOCUMENT);
    beforeCall(w, 'read lifecycle rules', 3, () => {
      w.namespace.rules.document = w.namespace.rules.document.replace(what, instead);
    });
    const error = await refusal(w.apply());
    expect(error).toMatchObject({ code: 'RIG_STORE_UNSUPPORTED', details: { restored: true } });
    const [backup = ''] = await names(w.context);
    expect(error.message).toContain(`the rules from before are back (a copy is in /${backup})`);
    expect(w.namespace.rules.document).toContain(FOREIGN);
    expect(w.namespace.rules.document).not.toContain('rigctl:');
  });

  test('says where the copy is when the rules from before cannot be put back', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    let reads = 0;
    w.store.script.capability = (what) => {
      reads += what === 'read lifecycle rules' ? 1 : 0;
      if (reads >= 3) {
        w.namespace.rules.document = w.namespace.rules.document.replace('<Days>5', '<Days>1');
      }
    };
    const error = await refusal(w.apply());
    expect(error).toMatchObject({ code: 'RIG_STORE_UNSUPPORTED', details: { restored: false } });
    expect(error.hint).toContain('rigctl-lifecycle-');
  });

  test('warns when the server drops a part that nothing depends on', async () => {
    const w = await lifecycleWorld();
    beforeCall(w, 'read lifecycle rules', 3, () => {
      const { rules } = w.namespace;
      rules.document = rules.document.replaceAll(/<AbortIncompleteMultipartUpload>.*?<\/Abort\w+>/g, '');
    });
    expect(await w.apply()).toMatchObject({ changed: true });
    expect(codesOf(w.context.reports, 'warning')).toEqual([
      'lifecycle-part-dropped',
      'lifecycle-part-dropped',
    ]);
  });

  test('interrupted after the write still reads back', async () => {
    const w = await lifecycleWorld();
    beforeCall(w, 'write lifecycle rules', 1, () =>
      w.context.interrupt.abort(new RigError('RIG_INTERRUPTED', 'stop')),
    );
    expect(await w.apply()).toMatchObject({ changed: true });
  });
});

describe('what is set up', () => {
  test('never removes what is not marked, however long the machine is away, and removes what is', async () => {
    const w = await lifecycleWorld();
    await w.apply();
    expect(expire(w.namespace, w.clock.wallMs() + 4_000 * DAY_MS)).toEqual([]);
    await w.store.capabilities.tagging?.setTags(batchKey(0), { rigctl: 'expendable' });
    expect(expire(w.namespace, w.clock.wallMs() + 2 * DAY_MS)).toEqual([]);
    expect(expire(w.namespace, w.clock.wallMs() + 3 * DAY_MS)).toEqual([batchKey(0)]);
  });
});

describe('remove', () => {
  test('takes out exactly what apply put in', async () => {
    const w = await lifecycleWorld(DOCUMENT);
    await w.apply();
    await w.clock.advance(1_000);
    const { changed, after } = await w.remove();
    expect([changed, after.map(({ id }) => id)]).toEqual([true, ['of & others']]);
    expect(w.namespace.rules.document).toContain(`"urn:x">${FOREIGN}</`);
    expect(await w.remove()).toMatchObject({ changed: false });
    expect(await names(w.context)).toHaveLength(1 + 1);
  });

  test('leaves no configuration behind when there was none', async () => {
    const w = await lifecycleWorld();
    await w.apply();
    await w.remove();
    expect(w.namespace.rules.document).toBe('');
  });

  test('is not hindered by rules that apply refuses', async () => {
    const w = await lifecycleWorld();
    await w.apply();
    const [all = ''] = /<Rule>.*<\/Rule>/.exec(REACHING) ?? [];
    w.namespace.rules.document = w.namespace.rules.document.replace('<Rule>', `${all}<Rule>`);
    expect(await w.remove()).toMatchObject({ changed: true, after: [{ id: 'all' }] });
  });

  test('fails when the server keeps the rules nevertheless', async () => {
    const w = await lifecycleWorld();
    await w.apply();
    const { document } = w.namespace.rules;
    w.store.script.capability = () => {
      w.namespace.rules.document = document;
    };
    expect(await refusal(w.remove())).toMatchObject({
      code: 'RIG_STORE_UNSUPPORTED',
      message: expect.stringContaining('is still there'),
    });
  });
});

describe('plan and show', () => {
  test('change nothing; plan says why apply would refuse', async () => {
    const w = await lifecycleWorld(REACHING);
    const { before, after, changed } = await previewLifecycle(w.context, BY_AGE);
    expect([before.length, ownNames(after), changed]).toEqual([1, OWN_NAMES, false]);
    expect(codesOf(w.context.reports, 'warning')).toEqual([
      'lifecycle-refused',
      'lifecycle-refused',
      'lifecycle-loss',
      'lifecycle-loss',
      'lifecycle-loss',
    ]);
    expect([writes(w), w.namespace.rules.document]).toEqual([0, REACHING]);
  });

  test('show warns of what threatens the archive', async () => {
    const w = await lifecycleWorld(REACHING);
    const { before, after } = await showLifecycle(w.context);
    expect(before).toEqual(after);
    expect(codesOf(w.context.reports, 'warning')).toEqual(['lifecycle-threat', 'lifecycle-threat']);
  });
});
