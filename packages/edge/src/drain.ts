import { setTimeout as pause } from 'node:timers/promises';
import type { CloseReason } from '@fanfare/protocol';

/** The shortest step in which connections are closed; small enough that a step is no storm of its own. */
const STEP_MS = 100;
/**
 * How long a closed socket may take to read what it was told. The library forgets a socket as soon
 * as it is told to end, so nobody can be asked whether all have.
 */
const GOODBYE_MS = 1000;

/** What can be sent away. */
export interface Leaving {
  close(reason: CloseReason): void;
}

/**
 * Closes connections evenly over the window, in random order: clients that came together would
 * otherwise come back together, and all to the same edge. Without a window nobody is waited for.
 */
export async function drain(
  connections: ReadonlySet<Leaving>,
  reason: CloseReason,
  windowMs: number,
): Promise<void> {
  const leaving = shuffled([...connections]);
  const steps = Math.max(1, Math.min(leaving.length, Math.ceil(windowMs / STEP_MS)));
  const perStep = Math.ceil(leaving.length / steps);
  for (let at = 0; at < leaving.length; at += perStep) {
    for (const connection of leaving.slice(at, at + perStep)) connection.close(reason);
    // oxlint-disable-next-line no-await-in-loop -- the pause is what spreads them
    if (at + perStep < leaving.length) await pause(windowMs / steps);
  }
  // Those whose upgrade was under way when the port closed.
  for (const connection of connections) connection.close(reason);
  // Without a pause a turn all the same: what was written in this one may stand in the library's own buffer.
  await pause(windowMs > 0 && leaving.length > 0 ? GOODBYE_MS : 0);
}

function shuffled<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [items[last], items[other]] = [items[other] as T, items[last] as T]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- both indices are inside
  }
  return items;
}
