import { rateOf, type App, type Limits, type RateKind } from '@fanfare/core';
import type { Serve } from './endpoint.ts';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

const errors = { triggers: httpErrors.triggerRate, reads: httpErrors.readRate } as const;

/** Takes what a request is about to do from the app's rate; a refusal has taken nothing. */
export function spendRate(
  limits: Limits,
  app: App,
  kind: RateKind,
  count: number,
): Promise<Refusal | undefined> | undefined {
  const perSecond = rateOf(app, kind);
  // Most apps have none, and pay nothing for those that do.
  if (perSecond === null) return undefined;
  return spendOf(limits, app, kind, count, perSecond);
}

async function spendOf(
  limits: Limits,
  app: App,
  kind: RateKind,
  count: number,
  perSecond: number,
): Promise<Refusal | undefined> {
  const taken = await limits.take(app, kind, count);
  return taken.ok ? undefined : errors[kind](perSecond, Math.ceil(taken.waitMs / 1000));
}

/** A question, of which an app may ask only so many in a second. */
export function asRead(limits: Limits, serve: Serve): Serve {
  return (call) => {
    const spent = spendRate(limits, call.app, 'reads', 1);
    if (spent === undefined) return serve(call);
    return spent.then((refusal) => refusal ?? serve(call));
  };
}
