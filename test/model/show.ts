import type { Violation } from './explore.ts';

/** What is wrong, and each move that led there on a line of its own; nothing when nothing is. */
export function showViolation(violation: Violation | undefined): string {
  return violation === undefined ? '' : [violation.what, ...violation.trace].join('\n  ');
}
