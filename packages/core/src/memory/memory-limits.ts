import type { App } from '../app.ts';
import { rateOf, type Limits, type RateKind } from '../ports/limits.ts';
import { Gcra } from '../rate.ts';

/** The rates of one process: what Redis keeps for a cluster. */
export function createMemoryLimits(nowMs: () => number = () => performance.now()): Limits {
  /** An app that was changed is another object, and begins anew. */
  const rates = new WeakMap<App, Readonly<Record<RateKind, Gcra>>>();
  return {
    async take(app, kind, count) {
      const perSecond = rateOf(app, kind);
      if (perSecond === null) return { ok: true };
      const of = rates.get(app) ?? { triggers: new Gcra(), reads: new Gcra() };
      rates.set(app, of);
      return of[kind].take(perSecond, count, nowMs());
    },
  };
}
