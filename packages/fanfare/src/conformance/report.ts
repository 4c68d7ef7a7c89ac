import type { Result } from './run.ts';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function countResults(results: readonly Result[]): Counts {
  const of = (outcome: Result['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

const MARKS = { passed: 'pass', failed: 'FAIL', skipped: 'skip' } as const;

/** A line for each rule, what is wrong below it, and the sum as the last line. */
export function reportText(results: readonly Result[]): string {
  const lines = results.flatMap(({ rule, title, outcome, detail }) => [
    `${MARKS[outcome]}  ${rule.padEnd(8)}${title}`,
    ...(detail === '' ? [] : [`${' '.repeat(14)}${detail}`]),
  ]);
  return [...lines, '', sumText(results)].join('\n');
}

export function reportJson(results: readonly Result[]): string {
  return JSON.stringify({ ...countResults(results), rules: results }, null, 2);
}

function sumText(results: readonly Result[]): string {
  const { passed, failed, skipped } = countResults(results);
  return `${results.length} rules, ${passed} passed, ${failed} failed, ${skipped} skipped`;
}
