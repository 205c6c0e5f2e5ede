import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe } from 'vitest';
import { describeFollowers } from '../support/follower-scenarios.ts';

describe('on a directory archive', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rigctl-archive-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  describeFollowers(async () => ({ url: `file:${directory}` }));
});
