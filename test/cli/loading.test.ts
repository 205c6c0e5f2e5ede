import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Every module that loading `entry` loads before any code of ours runs, by following static imports of values. */
function loadedBy(entry: URL): Set<string> {
  const loaded = new Set<string>();
  const waiting = [entry];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    const source = readFileSync(url, 'utf8');
    for (const [, specifier = ''] of source.matchAll(
      /^(?:import|export) (?!type )(?:[^;']*? from )?'([^']+)'/gm,
    )) {
      const target = specifier.startsWith('.') ? new URL(specifier, url) : undefined;
      const name = target?.pathname.replace(/^.*\/src\//, 'src/') ?? specifier;
      if (!loaded.has(name)) {
        loaded.add(name);
        waiting.push(...(target === undefined ? [] : [target]));
      }
    }
  }
  return loaded;
}

describe('starting the command line', () => {
  const loaded = [...loadedBy(new URL('../../src/cli/main.ts', import.meta.url))];

  it('loads the commands', () => {
    expect(loaded).toContain('src/cli/commands/push.ts');
    expect(loaded).toContain('commander');
  });

  it('loads no packages but commander', () => {
    expect(loaded.filter((name) => !name.startsWith('src/') && !name.startsWith('node:'))).toEqual([
      'commander',
    ]);
  });

  it('loads no workflow and no store before a command needs it', () => {
    expect(loaded.filter((name) => /^src\/(?:workflows|store)\//.test(name))).toEqual([]);
  });
});
