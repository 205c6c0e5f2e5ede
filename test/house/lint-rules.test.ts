import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** The rules of biome.json, each shown to bite: a small tree of samples is linted once with that configuration. */
interface Sample {
  readonly file: string;
  readonly code: string;
}

const project = resolve(import.meta.dirname, '../..');
const imports = 'lint/style/noRestrictedImports';

/** What each file must not import. */
const forbiddenImports = [
  ['src/kernel/a1.ts', '../journal/contract.ts'],
  ['src/kernel/a2.ts', '../index.ts'],
  ['src/kernel/a3.ts', 'commander'],
  ['src/kernel/a4.ts', 'node:fs'],
  ['src/kernel/a5.ts', 'node:timers/promises'],
  ['src/kernel/clock.ts', '../store/contract.ts'],
  ['src/store/b1.ts', '../journal/contract.ts'],
  ['src/store/b2.ts', '../archive/layout.ts'],
  ['src/store/b3.ts', 'node:fs/promises'],
  ['src/store/drivers/file.ts', '@aws-sdk/client-s3'],
  ['src/store/drivers/b4.ts', '../../workflows/push.ts'],
  ['src/store/drivers/s3.ts', '../../journal/contract.ts'],
  ['src/store/drivers/s3-errors.ts', 'chalk'],
  ['src/store/layers/retry.ts', '@smithy/node-http-handler'],
  ['src/journal/c1.ts', '../store/contract.ts'],
  ['src/journal/formats/c2.ts', '../../archive/layout.ts'],
  ['src/journal/c3.ts', 'node:fs'],
  ['src/archive/d1.ts', '../store/drivers/file.ts'],
  ['src/archive/d2.ts', '../store/registry.ts'],
  ['src/archive/d3.ts', '../journal/contract.ts'],
  ['src/archive/d4.ts', '../workflows/push.ts'],
  ['src/workflows/e1.ts', '../store/drivers/memory.ts'],
  ['src/workflows/e2.ts', '../cli/main.ts'],
  ['src/workflows/e3.ts', 'ora'],
  ['src/cli/f1.ts', '@aws-sdk/client-s3'],
  ['src/index.ts', './cli/main.ts'],
] as const;

const allowedImports = [
  ['src/kernel/g1.ts', './errors.ts'],
  ['src/kernel/filesystem.ts', 'node:fs/promises'],
  ['src/store/drivers/g2.ts', '../../kernel/errors.ts'],
  ['src/store/drivers/s3-client.ts', '@aws-sdk/client-s3'],
  ['src/store/layers/g3.ts', '../contract.ts'],
  ['src/journal/formats/g4.ts', '../../kernel/errors.ts'],
  ['src/archive/g5.ts', '../store/contract.ts'],
  ['src/archive/g6.ts', '../store/body.ts'],
  ['src/workflows/g7.ts', '../journal/contract.ts'],
  ['src/workflows/g8.ts', '../archive/layout.ts'],
  ['src/workflows/g9.ts', '../store/contract.ts'],
  ['src/cli/commands/g10.ts', '../../store/registry.ts'],
  ['src/cli/g11.ts', 'commander'],
  ['test/archive/g12.ts', '../../src/store/drivers/memory.ts'],
] as const;

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));
const longFunction = `export function f(o: number[]) {\n${lines(61, (i) => `  o.push(${i});`).join('\n')}\n}`;
const asyncFunction = 'async function f() {\n  await Promise.resolve();\n}\n';

const forbiddenCode: readonly (readonly [file: string, code: string, rule: string])[] = [
  ['src/archive/h1.ts', 'export const now = Date.now();', 'style/noRestrictedGlobals'],
  ['src/archive/h2.ts', 'export const now = new Date();', 'style/noRestrictedGlobals'],
  ['src/store/h3.ts', 'setTimeout(() => {}, 1);', 'style/noRestrictedGlobals'],
  ['src/store/h4.ts', 'setInterval(() => {}, 1);', 'style/noRestrictedGlobals'],
  ['src/store/h5.ts', 'setImmediate(() => {});', 'style/noRestrictedGlobals'],
  ['src/cli/h6.ts', 'export const now = performance.now();', 'style/noRestrictedGlobals'],
  ['src/cli/h7.ts', "console.log('hello');", 'suspicious/noConsole'],
  ['src/cli/h8.ts', `${asyncFunction}f();`, 'nursery/noFloatingPromises'],
  ['src/cli/h9.ts', `${asyncFunction}if (f()) {\n  throw new Error('x');\n}`, 'nursery/noMisusedPromises'],
  ['src/cli/h10.ts', 'export const x: any = 1;', 'suspicious/noExplicitAny'],
  ['src/cli/h11.ts', 'export const x = (y?: string) => y!.length;', 'style/noNonNullAssertion'],
  ['src/cli/h12.ts', longFunction, 'complexity/noExcessiveLinesPerFunction'],
  [
    'src/cli/h13.ts',
    lines(401, (i) => `export const x${i} = ${i};`).join('\n'),
    'style/noExcessiveLinesPerFile',
  ],
  ['src/cli/h14.ts', "export * from './h15.ts';", 'suspicious/noImportCycles'],
  ['src/cli/h15.ts', "export * from './h14.ts';", 'suspicious/noImportCycles'],
  ['src/cli/h16.ts', "export * from './g11';", 'correctness/useImportExtensions'],
  ['src/cli/h17.ts', "import { a } from './g11.ts';", 'correctness/noUnusedImports'],
  ['src/cli/h18.ts', "import { A } from './g11.ts';\n\nexport type B = A;", 'style/useImportType'],
  ['src/cli/h19.ts', 'const a = 1;', 'correctness/noUnusedVariables'],
  ['src/cli/h20.ts', "export * from 'fs';", 'style/useNodejsImportProtocol'],
  ['test/cli/h21.test.ts', "test.only('x', () => {});", 'suspicious/noFocusedTests'],
  ['test/cli/h22.test.ts', "test.skip('x', () => {});", 'suspicious/noSkippedTests'],
];

const allowedCode: typeof forbiddenCode = [
  [
    'src/kernel/clock.ts',
    'export const now = () => Date.now() + performance.now();',
    'style/noRestrictedGlobals',
  ],
  ['test/cli/i1.test.ts', 'export const now = Date.now();', 'style/noRestrictedGlobals'],
  ['test/cli/i2.test.ts', longFunction, 'complexity/noExcessiveLinesPerFunction'],
  ['test/support/i3.ts', "console.log('hello');", 'suspicious/noConsole'],
  ['src/cli/i4.ts', `${asyncFunction}await f();`, 'nursery/noFloatingPromises'],
];

const importing = (module: string) => `export * from '${module}';`;
const samples: Sample[] = [
  ...[...forbiddenImports, ...allowedImports].map(([file, module]) => ({ file, code: importing(module) })),
  ...[...forbiddenCode, ...allowedCode].map(([file, code]) => ({ file, code })),
];

describe('the linter', () => {
  let tree = '';
  let found = new Map<string, string[]>();

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'rigctl-lint-'));
    copyFileSync(join(project, 'biome.json'), join(tree, 'biome.json'));
    for (const { file, code } of samples) {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), `${code}\n`, { flag: 'a' });
    }
    found = lint(tree);
  });

  afterAll(() => rmSync(tree, { recursive: true }));

  test.each(forbiddenImports)('refuses %s importing %s', (file) => {
    expect(found.get(file)).toContain(imports);
  });

  test.each(allowedImports)('lets %s import %s', (file) => {
    expect(found.get(file) ?? []).not.toContain(imports);
  });

  test.each(forbiddenCode)('refuses in %s: %s', (file, _code, rule) => {
    expect(found.get(file)).toContain(`lint/${rule}`);
  });

  test.each(allowedCode)('accepts in %s: %s', (file, _code, rule) => {
    expect(found.get(file) ?? []).not.toContain(`lint/${rule}`);
  });
});

/** The rules broken, by file. */
function lint(tree: string): Map<string, string[]> {
  const biome = join(project, 'node_modules/@biomejs/biome/bin/biome');
  const options = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=json'];
  const run = { cwd: tree, encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  let report: string;
  try {
    report = execFileSync(process.execPath, [biome, ...options], { ...run, stdio: 'pipe' });
  } catch (error) {
    report = String((error as { stdout: unknown }).stdout);
  }
  const found = new Map<string, string[]>();
  for (const { category, location } of JSON.parse(report).diagnostics) {
    found.set(location.path, [...(found.get(location.path) ?? []), category]);
  }
  return found;
}
