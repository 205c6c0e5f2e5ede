import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Rules about the tree itself that the linter cannot hold. What it can hold stands in biome.json. */
interface Rule {
  /** The rule as a sentence; a finding shows it beside file and line. */
  readonly rule: string;
  /** The files it is about. */
  readonly files: RegExp;
  /** The files it is not about, because they are where the thing belongs. */
  readonly but?: RegExp;
  /** What no line may hold. */
  readonly forbidden: RegExp;
  /** A line that breaks it, to show that the rule bites. */
  readonly example: string;
}

const everything = /./;
const source = /^src\/.*\.ts$/;
const code = /^(src|test)\/.*\.ts$/;

const RULES: readonly Rule[] = [
  {
    rule: 'nothing outside the project is named: a clone has only itself; copy what is needed into it',
    files: everything,
    forbidden: /\.\.\/shared\/|\/work\/|[.]library\b/,
    example: `see .${'./shared/'}facts.md`,
  },
  {
    rule: 'no download address in the lock: another machine has another mirror; set omit-lockfile-registry-resolved',
    files: /^package-lock\.json$/,
    forbidden: /"resolved": "http/,
    example: '  "resolved": "https://example.org/x.tgz",',
  },
  {
    rule: 'no package registry is named: every machine has its own, set up outside the project',
    files: everything,
    forbidden: /\bregistry\.(npmjs|yarnpkg)\.|\bdeb\.debian\./,
    example: `npm install --registry https://registry${'.npmjs.'}org`,
  },
  {
    rule: 'nothing unfinished is marked in the tree: finish it, or file an issue',
    files: /^(src|test|bin|man|\.ci)\/|\.md$/,
    forbidden: /\b(T[O]DO|F[I]XME|X[X]X)\b/,
    example: `// ${'TO'}${'DO'}: later`,
  },
  {
    rule: 'types are not talked down: narrow with a check, or mend the type',
    files: source,
    forbidden: /\bas unknown as\b|@ts-(ignore|expect-error|nocheck)|biome-ignore/,
    example: 'const x = y as unknown as string;',
  },
  {
    rule: 'time comes from a Clock (kernel/clock.ts), so that a simulation can drive it',
    files: source,
    but: /^src\/kernel\/clock\.ts$/,
    forbidden: /\bAbortSignal\.timeout\b|\bprocess\.hrtime\b/,
    example: 'const signal = AbortSignal.timeout(1000);',
  },
  {
    rule: 'randomness comes from a Random (kernel/random.ts), so that a run can be repeated from its seed',
    files: source,
    but: /^src\/kernel\/random\.ts$/,
    forbidden: /\bMath\.random\b|\brandom(UUID|Bytes|Int)\b/,
    example: 'const id = randomUUID();',
  },
  {
    rule: 'a line has at most 120 columns (the formatter breaks code at 110, but not strings and comments)',
    files: code,
    forbidden: /^.{121}/u,
    example: '/'.repeat(121),
  },
];

const project = resolve(import.meta.dirname, '../..');
const tree = readTree();

describe('the tree', () => {
  test('is read whole', () => {
    expect([...tree.keys()]).toEqual(
      expect.arrayContaining(['package.json', 'test/house/tidy.test.ts', '.ci/run']),
    );
  });

  test.each(RULES)('holds: $rule', ({ rule, files, but, forbidden }) => {
    const findings = [...tree]
      .filter(([file]) => files.test(file) && but?.test(file) !== true)
      .flatMap(([file, lines]) => lines.map((line, index) => ({ at: `${file}:${index + 1}`, line })))
      .filter(({ line }) => forbidden.test(line))
      .map(({ at, line }) => `${at}: ${line.trim().slice(0, 100)}`);
    expect(findings, rule).toEqual([]);
  });

  test.each(RULES)('would show a break of: $rule', ({ forbidden, example }) => {
    expect(example).toMatch(forbidden);
  });

  test('has a lock that names every optional dependency, or "npm ci" refuses it', () => {
    const packages: Record<string, LockEntry> = JSON.parse(text('package-lock.json')).packages;
    const missing = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing, 'a mirror without other platforms drops them: add name, version, os and cpu').toEqual([]);
  });
});

interface LockEntry {
  readonly optionalDependencies?: Record<string, string>;
}

/** The text files of the project and their lines: in a git checkout what git does not ignore, elsewhere a walk. */
function readTree(): Map<string, string[]> {
  const listed = existsSync(join(project, '.git'))
    ? execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
        cwd: project,
        encoding: 'utf8',
      }).split('\0')
    : readdirSync(project, { recursive: true, encoding: 'utf8' });
  const files = listed.filter(
    (file) => !/^(node_modules|dist|\.git)\/|^test\/fixtures\//.test(file) && isFile(join(project, file)),
  );
  return new Map(files.map((file) => [file, text(file).split('\n')]));
}

/** False for a directory, and for a file that git's index still has. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function text(file: string): string {
  return readFileSync(join(project, file), 'utf8');
}
