/**
 * The same around a real S3 server, 30 times, and what can happen to the server and to the way to it. Hundreds of
 * rounds:
 * npm run build && RIGCTL_TEST_KILL_ROUNDS=200 .ci/with-s3 npx vitest run --project s3-faults test/s3/kill.test.ts
 */
import { describeKills } from '../support/kill/describe-kills.ts';
import { openS3Place } from '../support/kill/s3-place.ts';

describeKills('on a real S3 server', openS3Place);
