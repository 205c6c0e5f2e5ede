import { describe } from 'vitest';
import { describeFollowers } from '../support/follower-scenarios.ts';
import { freshS3Url } from '../support/real-s3.ts';

describe('two pushes to one archive on a real S3 server', () => {
  describeFollowers(async () => {
    const url = freshS3Url();
    url.searchParams.set('endpoint', process.env['RIGCTL_TEST_S3_ENDPOINT'] ?? '');
    return { url: url.href };
  });
});
