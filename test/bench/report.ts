import type { BenchCase, CaseReport } from './case.ts';
import { spreadOfSamples, type Taken } from './compare.ts';
import { type Figure, isMet, showSpread, showTarget, spreadOf } from './figure.ts';
import type { Scale } from './scene.ts';
import { table } from './table.ts';

/** So much of a failure stands in the summary. */
const SHORT_CHARACTERS = 60;

/** What came of one case. */
export interface Outcome extends CaseReport {
  readonly name: string;
  readonly title: string;
  /** Why there are no figures. */
  readonly failure?: string;
  /** How much of the processors' time the machine's host gave to others while it ran. */
  readonly stolenPercent?: number;
}

/** A case that could not be run at all. */
export function failedOutcome({ name, title }: BenchCase, scale: Scale, failure: string): Outcome {
  return { name, title: title(scale), failure, figures: [], notes: [] };
}

/** All that came of one case. */
export function outcomeLines({ failure, stolenPercent, comparison, figures, notes }: Outcome): string[] {
  const contenders = comparison === undefined ? [] : [comparison.ours, ...comparison.rivals];
  return [
    ...(failure === undefined ? [] : [failure]),
    ...(contenders.length === 0 ? [] : [...contenderTable(contenders), '']),
    ...figures.map((figure) => `${figure.name}: ${showValue(figure)}${showVerdict(figure)}`),
    ...notes,
    ...(stolenPercent === undefined
      ? []
      : [
          `the host took ${stolenPercent.toFixed(1)} % of the processors' time from the case's preparation to its end`,
        ]),
    ...contenders
      .filter(({ missing }) => missing.length === 0)
      .map((taken) => `${taken.name}: ${taken.about}`),
  ];
}

function contenderTable(contenders: readonly Taken[]): string[] {
  return table(
    ['', 'time', 'CPU', 'peak memory', 'wrote'],
    contenders.map((taken) =>
      taken.missing.length > 0
        ? [taken.name, `not installed: ${taken.missing.join(', ')}`]
        : [
            taken.name,
            showSpread(spreadOfSamples(taken, 'wallMs'), 'ms'),
            showSpread(spreadOfSamples(taken, 'cpuMs'), 'ms'),
            showSpread(spreadOfSamples(taken, 'peakBytes'), 'bytes'),
            showSpread(spreadOf(taken.writtenBytes), 'bytes'),
          ],
    ),
  );
}

/** The numbers that something is asked of, and the others, in one table. */
export function summaryLines(outcomes: readonly Outcome[]): string[] {
  const rows = outcomes.flatMap(({ title, figures, failure }) =>
    failure === undefined
      ? figures.map((figure, index) => [
          index === 0 ? title : '',
          figure.name,
          showValue(figure),
          showTarget(figure),
          { true: 'yes', false: '**no**', undefined: '' }[`${isMet(figure)}`],
        ])
      : [[title, '', failure.split('\n')[0]?.slice(0, SHORT_CHARACTERS) ?? '', '', '']],
  );
  return ['', ...table(['case', 'figure', 'measured', 'must be', 'met'], rows)];
}

function showValue({ value, unit, why }: Figure): string {
  return value === undefined ? `not measured: ${why}` : showSpread(value, unit);
}

function showVerdict(figure: Figure): string {
  const met = isMet(figure);
  return met === undefined ? '' : ` (must be ${showTarget(figure)}: ${met ? 'met' : 'NOT MET'})`;
}
