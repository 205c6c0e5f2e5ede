import type { Tags } from '../store/contract.ts';

/** On objects that no promised restore needs any more: prune marks with it, and lifecycle rules ask for it. */
export const EXPENDABLE: Tags = { rigctl: 'expendable' };
