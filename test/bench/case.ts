import type { Comparison } from './compare.ts';
import type { Figure } from './figure.ts';
import type { Bench, Scale } from './scene.ts';

/** One row of what is promised. */
export interface BenchCase {
  readonly name: string;
  readonly needsS3: boolean;
  title(scale: Scale): string;
  run(bench: Bench): Promise<CaseReport>;
}

export interface CaseReport {
  /** Undefined: nobody else was measured. */
  readonly comparison?: Comparison;
  readonly figures: readonly Figure[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
}
