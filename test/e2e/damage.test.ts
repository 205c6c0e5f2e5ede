import { access, appendFile, cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectRefusalInJson, expectRefusalInWords, resultOf, type Said, Scene } from '../support/scene.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Lines that do not compress to nothing, so that batches have several KiB. */
const RANDOM = seededRandom(1);
const LINES = Array.from({ length: 1_000 }, (_, index) => `${index} ${RANDOM.uuid()}\n`);
/** Each push makes two batches or more. */
const PUSHES = [LINES.slice(0, 300), LINES.slice(300, 600), LINES.slice(600)].map((lines) => lines.join(''));
const JOURNAL = PUSHES.join('');

const FIRST = 0;
/** The first batch of the second push. */
const MIDDLE = PUSHES[0]?.length ?? 0;

/** A scene with an archive of several batches, all of which the last claim knows of. Every test damages a copy. */
let healthy: Scene;
/** Starts of the batches, as the program lists them. */
let starts: readonly number[];
let last: number;

beforeAll(async () => {
  healthy = await Scene.create();
  await archiveInto(healthy, 'damaged');
  await archiveInto(healthy, 'foreign');
  const { stdout } = await healthy.run(['ls', '--json', '--archive', 'file:damaged']);
  const entries = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  starts = entries.filter(({ kind }) => kind === 'batch').map(({ first }) => first);
  last = starts.at(-1) ?? expect.fail('it has batches');
  expect(starts.length).toBeGreaterThan(4);
  expect(starts).toContain(MIDDLE);
});

afterAll(() => healthy[Symbol.asyncDispose]());

/** Three pushes, and a follower that finds nothing to do. */
async function archiveInto(scene: Scene, name: string): Promise<void> {
  const archive = ['--archive', `file:${name}`, '--format', 'lines', '--batch-bytes', '8KiB'];
  await rm(scene.path('long.log'), { force: true });
  for (const part of PUSHES) {
    await appendFile(scene.path('long.log'), part);
    expect(await scene.run(['push', 'long.log', ...archive])).toMatchObject({ exitCode: 0 });
  }
  const follower = scene.start(['push', 'long.log', '--follow', '--json', ...archive]);
  await vi.waitFor(() => access(scene.path(`${name}/WRITER/0000000000000004`)), { timeout: 60_000 });
  follower.signal('SIGTERM');
  expect(await follower.ended).toMatchObject({ exitCode: 143 });
}

function keyOf(first: number): string {
  return `LOG/${first.toString(16).padStart(16, '0')}`;
}

/** Damages the archive in the directory `at`, which lies beside the directory `foreign` of another one. */
type Damage = (at: string, foreign: string) => Promise<unknown>;

/** Changes the byte at a part of the way through an object. */
function flip(key: string, part: number): Damage {
  return async (at) => {
    const bytes = await readFile(`${at}/${key}`);
    const index = Math.floor(part * (bytes.length - 1));
    bytes[index] = (bytes[index] ?? 0) ^ 0x10;
    await writeFile(`${at}/${key}`, bytes);
  };
}

function remove(key: string): Damage {
  return (at) => rm(`${at}/${key}`);
}

type Found = readonly [code: string, object: string, offset: number | null];

interface Harm {
  readonly damage: () => Damage;
  /** What `verify` finds; the first one is what a restore says too. */
  readonly found: () => readonly Found[];
  /** The quickest level that finds it. */
  readonly level: 'list' | 'headers' | 'data';
  /** What can be restored still: nothing when nobody can tell what the archive is. */
  readonly goodUpTo: () => number | undefined;
}

function inBatch(level: Harm['level'], first: () => number, damage: (key: string) => Damage): Harm {
  return {
    damage: () => damage(keyOf(first())),
    found: () => [['RIG_CHECKSUM_MISMATCH', keyOf(first()), first()]],
    level,
    goodUpTo: first,
  };
}

function lost(level: Harm['level'], first: () => number): Harm {
  return {
    damage: () => remove(keyOf(first())),
    found: () => [['RIG_CHAIN_GAP', keyOf(first()), first()]],
    level,
    goodUpTo: first,
  };
}

function descriptor(code: string, damage: Damage): Harm {
  return {
    damage: () => damage,
    found: () => [[code, 'ARCHIVE.json', null]],
    level: 'list',
    goodUpTo: () => undefined,
  };
}

const middle = () => MIDDLE;

const HARMS: Readonly<Record<string, Harm>> = {
  'the first byte of a batch flipped': inBatch('headers', middle, (key) => flip(key, 0)),
  'a byte of the header flipped': inBatch('headers', middle, (key) => flip(key, 0.03)),
  'a byte in the middle of a batch flipped': inBatch('data', middle, (key) => flip(key, 0.5)),
  'the last byte of a batch flipped': inBatch('data', middle, (key) => flip(key, 1)),
  'a byte of the first batch flipped': inBatch(
    'data',
    () => FIRST,
    (key) => flip(key, 0.7),
  ),
  'a byte of the last batch flipped': inBatch(
    'data',
    () => last,
    (key) => flip(key, 0.7),
  ),
  'a batch truncated': inBatch('headers', middle, (key) => (at) => truncate(`${at}/${key}`, 2_000)),
  'a batch emptied': inBatch('headers', middle, (key) => (at) => truncate(`${at}/${key}`, 0)),
  'a batch that is rubbish': inBatch(
    'headers',
    middle,
    (key) => (at) => writeFile(`${at}/${key}`, 'rubbish'),
  ),
  'a batch from another archive': inBatch(
    'headers',
    middle,
    (key) => (at, foreign) => cp(`${foreign}/${key}`, `${at}/${key}`),
  ),
  'two batches swapped': {
    damage: () => async (at) => {
      const [one, other] = [`${at}/${keyOf(FIRST)}`, `${at}/${keyOf(MIDDLE)}`];
      await rename(one, `${at}/aside`);
      await rename(other, one);
      await rename(`${at}/aside`, other);
    },
    found: () => [
      ['RIG_CHECKSUM_MISMATCH', keyOf(FIRST), FIRST],
      ['RIG_CHECKSUM_MISMATCH', keyOf(MIDDLE), MIDDLE],
    ],
    level: 'headers',
    goodUpTo: () => 0,
  },
  'the first batch deleted': lost('list', () => FIRST),
  'a batch in the middle deleted': lost('headers', middle),
  'the last batch deleted': lost('list', () => last),
  'ARCHIVE.json deleted': descriptor('RIG_DESCRIPTOR_LOST', remove('ARCHIVE.json')),
  'ARCHIVE.json of a later version': descriptor('RIG_VERSION_UNKNOWN', (at) =>
    writeFile(`${at}/ARCHIVE.json`, '{"version":2,"id":"x"}'),
  ),
  'a byte of ARCHIVE.json flipped': descriptor('RIG_CHECKSUM_MISMATCH', flip('ARCHIVE.json', 0)),
  "another archive's ARCHIVE.json": {
    ...descriptor('RIG_CHECKSUM_MISMATCH', (at, foreign) =>
      cp(`${foreign}/ARCHIVE.json`, `${at}/ARCHIVE.json`),
    ),
    goodUpTo: () => 0,
  },
  "another archive's batch after the end": {
    damage: () => (at, foreign) => cp(`${foreign}/${keyOf(last)}`, `${at}/${keyOf(JOURNAL.length)}`),
    found: () => [['RIG_CHECKSUM_MISMATCH', keyOf(JOURNAL.length), JOURNAL.length]],
    level: 'headers',
    goodUpTo: () => JOURNAL.length,
  },
};

/** A fresh scene with a copy of the healthy archive, damaged. */
async function damagedScene(damage: Damage): Promise<Scene> {
  const scene = await Scene.create();
  for (const name of ['damaged', 'foreign']) {
    await cp(healthy.path(name), scene.path(name), { recursive: true });
  }
  await damage(scene.path('damaged'), scene.path('foreign'));
  return scene;
}

const DAMAGED = ['--archive', 'file:damaged'];

/** Ends with status 14, in the same words for people and programs. */
async function expectDamage(scene: Scene, argv: readonly string[], code: string): Promise<Said> {
  const before = await scene.tree();
  const said = await scene.run([...argv, '--json', ...DAMAGED]);
  const told = expectRefusalInJson(said, { exitCode: 14, code, message: '', hint: '' });
  expectRefusalInWords(await scene.run([...argv, '--quiet', ...DAMAGED]), 14, told);
  expect(await scene.tree()).toEqual(before);
  return said;
}

describe.concurrent.each(Object.entries(HARMS))('%s', (_title, { damage, found, level, goodUpTo }) => {
  it(`is found by verify from level ${level} on`, async () => {
    await using scene = await damagedScene(damage());
    for (const enough of ['list', 'headers', 'data', 'replay'].slice(
      ['list', 'headers', 'data'].indexOf(level),
    )) {
      const said = await scene.run(['verify', '--level', enough, '--json', ...DAMAGED]);
      expect(said).toMatchObject({ exitCode: 14, stderr: '' });
      const { findings } = resultOf(said);
      for (const [code, object, offset] of found()) {
        expect(findings).toContainEqual({ code, object, offset, message: expect.stringContaining(object) });
      }
    }
    const said = await scene.run(['verify', '--level', level, ...DAMAGED]);
    for (const [code, object] of found()) {
      expect(said.stdout).toContain(`finding: ${code}, ${object}`);
    }
    expect(said.stderr).toMatch(/^error: .*\nhint: .*\n$/);
  });

  it('never comes out of a restore', async () => {
    await using scene = await damagedScene(damage());
    const [[code] = expect.fail('something is found')] = found();
    await expectDamage(scene, ['restore', '--to', 'new'], code);
    const good = goodUpTo();
    if (good === undefined) {
      await expectDamage(scene, ['restore', '--to', 'new', '--at', '0'], code);
    } else {
      const said = await scene.run(['restore', '--to', '-', '--at', `${good}`, ...DAMAGED]);
      expect(said).toMatchObject({ exitCode: 0, stdout: JOURNAL.slice(0, good) });
    }
  });
});

it('a healthy archive, and a foreign object in it, are good, and the object is named', async () => {
  await using scene = await damagedScene(async (at) => {
    await writeFile(`${at}/LOG/notes.txt`, 'mine');
    await writeFile(`${at}/LATEST`, '48e');
  });
  const before = await scene.tree();
  const said = await scene.run(['verify', '--level', 'replay', '--json', ...DAMAGED]);
  expect(resultOf(said)).toMatchObject({
    exitCode: 0,
    findings: [],
    warnings: [
      { code: 'stray-object', object: 'LOG/notes.txt' },
      { code: 'latest-stale', object: 'LATEST' },
    ],
    warningCount: 2,
    recoverable: [{ from: 0, to: JOURNAL.length }],
  });
  const { stderr } = await scene.run(['verify', ...DAMAGED]);
  expect(stderr).toMatch(/^warning: LOG\/notes.txt .*\nwarning: LATEST .*\n$/);
  expect((await scene.run(['restore', '--to', '-', ...DAMAGED])).stdout).toBe(JOURNAL);
  expect(await scene.tree()).toEqual(before);
});
