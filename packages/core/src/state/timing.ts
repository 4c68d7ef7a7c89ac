import { limits } from '@fanfare/protocol';

/** The times that decide when something counts as gone. Milliseconds of the store's own clock. */
export interface StateTiming {
  /** How long an incarnation lives without a heartbeat. */
  readonly leaseMs: number;
  /** How long the store fences nobody after most leases ran out at once, or after it stood still. */
  readonly guardMs: number;
  /** How long a subject must be down before the app hears of it. Pusher: up to 3 s. */
  readonly downDelayMs: number;
  /** After a loss of data: how long nothing is announced, so that every edge can register anew. */
  readonly graceMs: number;
  /** How long a fenced incarnation is remembered, so that a very late command of it still finds the fence. */
  readonly tombstoneMs: number;
}

export const stateTiming: StateTiming = {
  leaseMs: 10_000,
  guardMs: 10_000,
  downDelayMs: 3_000,
  graceMs: 6_000,
  tombstoneMs: 86_400_000,
};

/** When a channel's count is told to those who want to hear it. The scripts on Redis have the same. */
export const countTiming = {
  /** Changes gather for so long; together with a report's tick they are told within 250 ms. */
  delayMs: 200,
  /** Above so many subscriptions a count is told at most once in `intervalMs`. */
  many: limits.frequentCountMax,
  intervalMs: limits.countIntervalSeconds * 1_000,
  /** After so much longer than it should have waited, a count is told by anybody who comes by. */
  orphanMs: 1_000,
} as const;

/** Bounds of what the store keeps for webhooks, and of what it does in one step. */
export interface OutboxLimits {
  /** Events of one app and partition that wait to be routed; beyond it existence waits in `due` and client events are dropped. */
  readonly unroutedEvents: number;
  /** Events that wait in one lane; what finds it full becomes a dead letter at once. */
  readonly laneEvents: number;
  /** Dead letters kept for one lane. */
  readonly deadLetters: number;
  /** Shares of dead incarnations taken away in one step. */
  readonly reapShares: number;
  /** Due subjects looked at in one step. */
  readonly reconcileSubjects: number;
  /** How soon a lane is looked at after its first event, so that events gather to a batch. */
  readonly gatherMs: number;
}

export const outboxLimits: OutboxLimits = {
  unroutedEvents: 10_000,
  laneEvents: 100_000,
  deadLetters: 10_000,
  reapShares: 500,
  reconcileSubjects: 500,
  gatherMs: 250,
};
