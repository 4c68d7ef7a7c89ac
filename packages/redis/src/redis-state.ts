import {
  outboxLimits,
  stateTiming,
  type Limits,
  type Outbox,
  type RosterReader,
  type OutboxLimits,
  type ShareReader,
  type ShareStore,
  type StateReader,
  type StateTiming,
  type UserReader,
  type UserTerminator,
} from '@fanfare/core';
import { CommandLink } from './command-link.ts';
import type { LinkLog } from './connect.ts';
import { connectOptions } from './connect-options.ts';
import { createBusCounters } from './counters.ts';
import type { RedisLimits } from './limits.ts';
import { Opening } from './opening.ts';
import { createRedisOutbox } from './redis-outbox.ts';
import { createRedisRates } from './redis-rates.ts';
import { createRedisShares } from './redis-shares.ts';
import { createRedisUsers } from './redis-users.ts';
import { createRedisStateReader } from './redis-state-reader.ts';
import { Replication } from './replication.ts';
import { StateCaller } from './state-caller.ts';
import { readStateScripts, type StateScripts } from './state-scripts.ts';

export interface RedisStateOptions {
  /** As `REDIS_URL` is written. */
  readonly url: string;
  /** Shown by `CLIENT LIST`: which process this is. */
  readonly connectionName: string;
  readonly log: LinkLog;
  readonly limits?: Partial<RedisLimits>;
  readonly timing?: StateTiming;
  readonly outboxLimits?: OutboxLimits;
  /** How many names a listing of occupied channels may have. */
  readonly channelsMax?: number;
  /**
   * How many replicas must know of what a worker has claimed before it is delivered; by default
   * one, while Redis has one. Without, a failover may forget an event that an app has heard of.
   */
  readonly replicas?: number;
  /** Told whenever the link comes up or goes down after it was up once. */
  readonly onUp?: (up: boolean) => void;
  /** Ends the wait for a Redis that is not there yet. */
  readonly signal?: AbortSignal;
  /** For tests: a clock in place of Redis' own, and scripts that were tampered with. */
  readonly nowMs?: () => number;
  readonly scripts?: StateScripts;
}

export type RedisState = ShareStore &
  ShareReader &
  StateReader &
  RosterReader &
  UserReader &
  UserTerminator &
  Outbox &
  Limits &
  AsyncDisposable & { readonly up: boolean };

/**
 * The state of the cluster, ready to use, over a connection of its own. Waits for Redis and rejects
 * as `openRedisBus` does; afterwards every call fails at once with `Failure('unavailable')` while
 * Redis is away, and whether a call that failed was carried out is not known.
 */
export async function openRedisState(options: RedisStateOptions): Promise<RedisState> {
  const opening = new Opening();
  const scripts = options.scripts ?? readStateScripts();
  const shared = connectOptions(options);
  let opened = false;
  const link = new CommandLink(
    { ...shared, counters: createBusCounters(), scripts: Object.values(scripts) },
    {
      onUp(up) {
        if (up) replication.forget();
        if (opened) options.onUp?.(up);
        if (up) opening.settle();
      },
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const caller = new StateCaller(link, {
    scripts,
    timing: options.timing ?? stateTiming,
    limits: options.outboxLimits ?? outboxLimits,
    nowMs: options.nowMs ?? ((): number => 0),
  });
  const { replicas, log } = options;
  const believedMs = shared.limits.replicasMs;
  const replication = new Replication(caller, { replicas, believedMs, log });
  const close = async (): Promise<void> => {
    caller.close();
    await link[Symbol.asyncDispose]();
  };
  await opening.wait(options.signal, close);
  opened = true;
  return {
    ...createRedisShares(caller),
    ...createRedisStateReader(caller, options.channelsMax ?? 100_000),
    ...createRedisUsers(caller),
    ...createRedisOutbox(caller, replicas === 0 ? undefined : replication),
    ...createRedisRates(caller, options.nowMs),
    get up() {
      return link.up;
    },
    [Symbol.asyncDispose]: close,
  };
}
