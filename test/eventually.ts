import { setTimeout as pause } from 'node:timers/promises';
import { PATIENCE_MS } from './sdk.ts';

const POLL_MS = 50;

/** Asks until the answer is yes, for what tells nobody when it comes true: a count, a metric. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  why: () => string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`not within ${patienceMs} ms: ${why()}`);
    await pause(POLL_MS);
  }
}
