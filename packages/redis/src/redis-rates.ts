import { Gcra, rateOf, type App, type Limits, type RateKind, type Taken } from '@fanfare/core';
import { partitionOfApp } from './partitions.ts';
import { asList, asNumber } from './reply.ts';
import type { StateCaller } from './state-caller.ts';

/** What a node asks for at once: so much of a second. Ten questions a second carry a whole rate. */
const CHUNK_OF_SECOND = 0.1;
/** What a node has not spent by then it gives up: another may be short of it. */
const LAPSE_MS = 1000;
/** How long a Redis that did not answer is not asked: each request would wait for it. */
const AWAY_MS = 1000;

/** What a node may spend of one rate without a question. */
interface Allowance {
  left: number;
  lapsesMs: number;
  /** So many, or more, are not to be had before then, beside what is left. */
  refused: { readonly count: number; readonly untilMs: number };
  awayUntilMs: number;
  /** The rate while Redis is away, when each node counts for itself. */
  readonly alone: Gcra;
  /** The question that is on its way; never rejects. */
  asking: Promise<void> | undefined;
}

/**
 * Rates of the cluster, of which each node fetches pieces and spends them by itself. All nodes
 * together never get more than the rate; while Redis is away each of them allows all of it, since
 * next to nothing that they let pass can be carried out then.
 */
export function createRedisRates(
  caller: StateCaller,
  nowMs: () => number = () => performance.now(),
): Limits {
  /** An app that was changed is another object, and begins anew. */
  const known = new WeakMap<App, Readonly<Record<RateKind, Allowance>>>();
  return {
    async take(app, kind, count) {
      const perSecond = rateOf(app, kind);
      if (perSecond === null) return { ok: true };
      const of = known.get(app) ?? { triggers: newAllowance(), reads: newAllowance() };
      known.set(app, of);
      const allowance = of[kind];
      for (;;) {
        const taken = spend(allowance, perSecond, count, nowMs());
        if (taken !== undefined) return taken;
        allowance.asking ??= ask(caller, allowance, {
          name: `${app.id}/${kind}`,
          partition: partitionOfApp(app.id),
          perSecond,
          need: count - allowance.left,
          count,
          nowMs,
        }).finally(() => {
          allowance.asking = undefined;
        });
        // Whoever asked is served first, so each round of this serves somebody.
        // oxlint-disable-next-line no-await-in-loop -- what is left depends on the answer
        await allowance.asking;
      }
    },
  };
}

function newAllowance(): Allowance {
  return {
    left: 0,
    lapsesMs: 0,
    refused: { count: Infinity, untilMs: 0 },
    awayUntilMs: 0,
    alone: new Gcra(),
    asking: undefined,
  };
}

/** Undefined: Redis has to be asked. */
function spend(
  allowance: Allowance,
  perSecond: number,
  count: number,
  nowMs: number,
): Taken | undefined {
  if (allowance.lapsesMs <= nowMs) allowance.left = 0;
  if (allowance.left >= count) {
    allowance.left -= count;
    return { ok: true };
  }
  const { refused } = allowance;
  if (count >= refused.count && nowMs < refused.untilMs) {
    // For those that it asks for beyond what was refused then.
    const more = Math.min(count, perSecond) - Math.min(refused.count, perSecond);
    return { ok: false, waitMs: refused.untilMs - nowMs + (more * 1000) / perSecond };
  }
  if (nowMs < allowance.awayUntilMs) return allowance.alone.take(perSecond, count, nowMs);
  return undefined;
}

interface Question {
  readonly name: string;
  readonly partition: number;
  readonly perSecond: number;
  readonly need: number;
  readonly count: number;
  readonly nowMs: () => number;
}

async function ask(
  caller: StateCaller,
  allowance: Allowance,
  { name, partition, perSecond, need, count, nowMs }: Question,
): Promise<void> {
  const chunk = Math.ceil(perSecond * CHUNK_OF_SECOND);
  try {
    const { take } = caller.options.scripts;
    const reply = await caller.call(take, partition, name, perSecond, need, chunk);
    const [granted, waitMs] = asList(reply).map(asNumber);
    const now = nowMs();
    allowance.refused = { count: granted === 0 ? count : 1, untilMs: now + (waitMs ?? 0) };
    allowance.left += granted ?? 0;
    allowance.lapsesMs = now + LAPSE_MS;
  } catch {
    // Whether it is down, slow or closing: what the request needs of Redis will say so better.
    allowance.awayUntilMs = nowMs() + AWAY_MS;
  }
}
