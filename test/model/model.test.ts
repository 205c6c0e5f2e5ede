import { afterAll, describe, expect, it } from 'vitest';
import { ALL_CHECKED, check } from './check.ts';
import { DESIGN, SCENARIOS } from './scenarios.ts';
import { showViolation } from './show.ts';

describe('every state that can be reached keeps every promise:', () => {
  const scenarios = Object.values(SCENARIOS);
  let total = 0;

  it.each(scenarios)('$title', (scenario) => {
    const { states, moves, violation } = check({ scenario, protocol: DESIGN });
    console.log(`${states} states, ${moves} moves: ${scenario.title}`);
    expect(showViolation(violation)).toBe('');
    total += states;
  });

  afterAll(() => {
    console.log(`model: ${total} states in ${scenarios.length} scenarios; held: ${ALL_CHECKED.join(', ')}`);
  });
});
