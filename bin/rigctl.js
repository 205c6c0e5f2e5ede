#!/usr/bin/env node
// A stub that old Node versions can parse: it checks the version before anything newer is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `rigctl: needs Node.js 22.15 or newer, this is ${process.versions.node}\n` +
      'hint: install a newer Node.js, or run it as "npx rigctl" where the npm package "node" is installed\n',
  );
  process.exitCode = 2;
} else {
  process.getBuiltinModule('node:module').enableCompileCache();
  const { run } = await import('../dist/cli/main.js');
  await run();
}
