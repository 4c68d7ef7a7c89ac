import type { Taken } from './ports/limits.ts';

/** A second's worth may be taken in one moment. */
const BURST_MS = 1000;
/** Less than any rate makes a difference of, and more than adding fractions does. */
const ROUNDING_MS = 1e-6;

/**
 * A rate, kept as the time that what was taken takes at that rate (GCRA). lua/limits-take.lua of
 * @fanfare/redis counts the same way.
 */
export class Gcra {
  #owedMs = 0;
  #atMs = 0;

  /** The rate is said each time, for it may change. */
  take(perSecond: number, count: number, nowMs: number): Taken {
    // A clock that was set back pays nothing back, and does not make anybody owe more either.
    this.#owedMs = Math.max(this.#owedMs - Math.max(nowMs - this.#atMs, 0), 0);
    this.#atMs = nowMs;
    const costMs = (count * 1000) / perSecond;
    const waitMs = this.#owedMs - Math.max(BURST_MS - costMs, 0);
    if (waitMs > ROUNDING_MS) return { ok: false, waitMs };
    this.#owedMs += costMs;
    return { ok: true };
  }
}
