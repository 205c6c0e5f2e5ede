import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { DESIGN } from './scenarios.ts';
import { showViolation } from './show.ts';

describe('the model finds a protocol that', () => {
  it.each(PLANTED_BUGS)('$name: $breaks', ({ name, change, scenario, breaks }) => {
    const { states, violation } = check({ scenario, protocol: { ...DESIGN, ...change } }, [breaks]);
    console.log(
      `${name}: found after ${states} states in ${violation?.trace.length} moves\n${showViolation(violation)}`,
    );
    expect(violation?.what).toMatch(breaks);
  });
});
