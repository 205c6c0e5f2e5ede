import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../../src/kernel/size.ts';
import { freshS3Url } from '../support/real-s3.ts';
import { type Ended, rigctl } from '../support/rigctl-process.ts';

const endpoint = process.env['RIGCTL_TEST_S3_ENDPOINT'] ?? '';
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rigctl-s3-'));
});

afterAll(() => rm(directory, { recursive: true }));

function archiveUrl(): string {
  const url = freshS3Url();
  url.searchParams.set('endpoint', endpoint);
  return url.href;
}

/** About 40 MiB: more than one batch, and more than one piece of each. */
function journalText(): string {
  const lines: string[] = [];
  for (let index = 0; index < 400_000; index += 1) {
    const digest = createHash('md5').update(String(index)).digest('hex');
    lines.push(`{"event":${index},"customer":"${digest}","note":"a line as they are in event logs"}\n`);
  }
  return lines.join('');
}

describe('on a real S3 server', () => {
  it('a journal is pushed, damaged, restored at an earlier offset and at the end, and verified', async () => {
    const journal = join(directory, 'events.ndjson');
    const [text, archive] = [journalText(), ['--archive', archiveUrl()]];
    expect(text.length).toBeGreaterThan(32 * MIB);
    await writeFile(journal, text);
    const earlier = text.indexOf('{"event":123456,');

    const pushed = await rigctl(['push', journal, '--format', 'lines', ...archive]);
    expect(pushed.result).toMatchObject({ ok: true, durable: text.length, batches: 3 });
    const again = await rigctl(['push', journal, ...archive]);
    expect(again.result).toMatchObject({ ok: true, durable: text.length, batches: 0 });

    await truncate(journal, 1_000);
    expect(await rigctl(['push', journal, ...archive])).toMatchObject({
      exitCode: 11,
      result: { error: { code: 'RIG_LOCAL_BEHIND', details: { localEnd: 1_000, durable: text.length } } },
    });

    const before = join(directory, 'before.ndjson');
    const restored = await rigctl(['restore', '--at', `${earlier}`, '--to', before, ...archive]);
    expect(restored.result).toMatchObject({ ok: true, offset: earlier, bytes: earlier });
    expect((await readFile(before, 'utf8')) === text.slice(0, earlier)).toBe(true);
    const middle = await rigctl(['restore', '--at', `${earlier + 5}`, '--to', `${before}.2`, ...archive]);
    expect(middle).toMatchObject({ exitCode: 10, result: { error: { code: 'RIG_OFFSET_NOT_BOUNDARY' } } });

    const latest = await rigctl(['restore', '--to', journal, '--force', ...archive]);
    expect(latest.result).toMatchObject({ ok: true, offset: text.length });
    expect((await readFile(journal, 'utf8')) === text).toBe(true);

    const verified = await rigctl(['verify', '--level', 'replay', '--against', journal, ...archive]);
    expect(verified.result).toMatchObject({ ok: true, findings: [], checked: { batches: 3 } });
    const status = await rigctl(['status', ...archive]);
    expect(status.result).toMatchObject({ ok: true, durable: text.length, batches: 3, snapshots: 0 });
    const listed = await rigctl(['ls', ...archive]);
    expect(listed.lines.filter(({ type }) => type === 'entry')).toHaveLength(5);
  });

  it.each([
    ['a bucket that is not there', 10, 'RIG_ARCHIVE_NOT_FOUND', { bucket: 'rigctl-no-such-bucket' }],
    ['an unknown access key', 12, 'RIG_STORE_DENIED', { env: { AWS_ACCESS_KEY_ID: 'nobody' } }],
    ['a wrong secret key', 12, 'RIG_STORE_DENIED', { env: { AWS_SECRET_ACCESS_KEY: 'wrong-secret' } }],
    ['no credentials', 12, 'RIG_STORE_DENIED', { env: noCredentials() }],
  ])('%s ends with its own status, message and hint', async (_, exitCode, code, { bucket, env }: Place) => {
    const url = new URL(archiveUrl());
    const archive = bucket === undefined ? url.href : url.href.replace(url.host, bucket);
    const ended = await rigctl(['status', '--archive', archive], { env: env ?? {} });
    expect(ended).toMatchObject({ exitCode, result: { error: { code, hint: expect.any(String) } } });
    expect(errorOf(ended).message).not.toContain('wrong-secret');
  });

  it('an archive that is not there yet is told from an empty bucket', async () => {
    expect(
      await rigctl(['restore', '--to', '-', '--archive', archiveUrl()], { onData: () => {} }),
    ).toMatchObject({
      exitCode: 10,
      result: { error: { code: 'RIG_ARCHIVE_NOT_FOUND' } },
    });
  });
});

interface Place {
  readonly bucket?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** As on a machine that nobody has given any; the instance service must not be asked either. */
function noCredentials(): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_CONFIG_FILE: '/dev/null',
  };
}

function errorOf({ result }: Ended): { readonly message: string } {
  return result['error'] as { readonly message: string };
}
