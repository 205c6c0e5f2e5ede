// Says what `npm test` did not run, and the command that does: nothing is left out silently.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const s3Files = readdirSync('test/s3', { recursive: true }).filter((name) => name.endsWith('.test.ts'));
console.log(
  `left out: ${s3Files.length} test files against a real S3 server; run them with: npm run test:s3`,
);

const largeFiles = readdirSync('test/large').filter((name) => name.endsWith('.test.ts'));
console.log(
  `left out: ${largeFiles.length} test files with a large journal or snapshot; run them with: npm run test:large`,
);

if (!isInstalled('redis-server')) {
  console.log(
    'left out: the tests with a real Redis; run them with: apt-get install redis-server && npm test',
  );
}

if (!isInstalled('/usr/bin/time')) {
  console.log('left out: the tests of the bench; run them with: apt-get install time && npm test');
}

if (!succeeds('unshare', ['--mount', 'true'])) {
  console.log('left out: the tests with small disks; run them as root where root may mount file systems');
}

function isInstalled(program) {
  return succeeds(program, ['--version']);
}

function succeeds(program, args) {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
