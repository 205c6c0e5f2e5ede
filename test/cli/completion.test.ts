import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/cli/completion/script.ts';
import { completionTree } from '../../src/cli/completion/tree.ts';
import { createProgram } from '../../src/cli/program.ts';

const program = createProgram({ onStart() {}, write() {} });
const tree = completionTree(program);

describe('what can be completed', () => {
  it('is every command and every option as it is declared', () => {
    const declared = program.commands.map((command) => [
      command.name(),
      command.options.map(({ long }) => long),
    ]);
    expect(tree.commands.map(({ name, options }) => [name, options.map(({ flag }) => flag)])).toEqual([
      ...declared,
      ['help', []],
    ]);
    expect(tree.globalOptions.map(({ flag }) => flag)).toEqual([
      ...program.options.map(({ long }) => long),
      '--help',
    ]);
  });

  it('has values that are choices, files, or free', () => {
    const push = tree.commands.find(({ name }) => name === 'push');
    const valuesOf = (flag: string) => push?.options.find((option) => option.flag === flag)?.values;
    expect(push?.argument).toEqual({ kind: 'file', name: 'journal' });
    expect(valuesOf('--format')).toEqual({
      kind: 'choices',
      name: 'format',
      choices: ['bytes', 'lines', 'none'],
    });
    expect(valuesOf('--interval')).toEqual({ kind: 'free', name: 'duration' });
    expect(valuesOf('--follow')).toEqual({ kind: 'none' });
  });
});

describe.each(['bash', 'zsh', 'fish'] as const)('the script for %s', (shell) => {
  const script = completionScript(shell, program);

  it('knows every command and option', () => {
    const long = shell === 'fish' ? (flag: string) => ` -l ${flag.slice(2)} ` : (flag: string) => flag;
    for (const { name, options } of tree.commands) {
      expect(script).toContain(name);
      for (const { flag } of options) {
        expect(script).toContain(long(flag));
      }
    }
  });

  it('has nothing of a template left in it', () => {
    expect(script).not.toMatch(/undefined|\[object|NaN/);
    expect(script.endsWith('\n')).toBe(true);
  });
});
