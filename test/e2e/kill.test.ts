/**
 * Everything about a directory store is killed, stopped, filled or loses power, 30 times. Hundreds of rounds:
 * npm run build && RIGCTL_TEST_KILL_ROUNDS=300 npx vitest run --project e2e test/e2e/kill.test.ts
 */
import { describeKills } from '../support/kill/describe-kills.ts';
import { openDirectoryPlace } from '../support/kill/directory-place.ts';

describeKills('on a directory store', openDirectoryPlace);
