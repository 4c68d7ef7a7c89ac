import type { App } from '../app.ts';

/** What is counted: events that are triggered, and questions that are asked. */
export type RateKind = 'triggers' | 'reads';

export type Taken =
  | { readonly ok: true }
  /** Nothing was taken; asked again before this has passed, the answer would be the same. */
  | { readonly ok: false; readonly waitMs: number };

/** How much of what the whole cluster may do for an app in a second is left. */
export interface Limits {
  /**
   * Takes so many at once, or nothing. Up to a second's worth may be taken in one moment; more than
   * that at once is taken when nothing was for a second, and then makes up for it. Never rejects.
   */
  take(app: App, kind: RateKind, count: number): Promise<Taken>;
}

/** In a second; null: any number. */
export function rateOf({ limits }: App, kind: RateKind): number | null {
  return kind === 'triggers' ? limits.maxTriggersPerSecond : limits.maxReadsPerSecond;
}
