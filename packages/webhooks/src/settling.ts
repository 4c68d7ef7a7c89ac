import type { Outbox } from '@fanfare/core';
import type { WorkerOptions } from './options.ts';

/** `unsure`: it may be sent all the same, and a failover of the store may undo it. */
export type Settled = 'settled' | 'unsettled' | 'unsure';

/** After a pause in which nothing was asked, nobody knows whether it would have failed all the time. */
const STALE_MS = 60_000;

/**
 * Asks the store to settle what was claimed, and knows for how long that has failed: unless the
 * store insists, a replica that does not answer must not hold webhooks back for good.
 */
export class Settling {
  readonly #outbox: Pick<Outbox, 'settle' | 'mustSettle'>;
  readonly #options: Pick<WorkerOptions, 'settleMs' | 'settleAgainMs'>;
  readonly #nowMs: () => number;
  /** Since when every answer was no. */
  #failingSinceMs: number | undefined;
  #failedMs = 0;
  /** It has failed for too long; it is tried all the same now and then. */
  #hasGivenIn = false;
  #askedMs = 0;

  constructor(
    outbox: Pick<Outbox, 'settle' | 'mustSettle'>,
    options: Pick<WorkerOptions, 'settleMs' | 'settleAgainMs'>,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#outbox = outbox;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Rejects when the store does not answer: that says nothing of its replicas. */
  async settle(partitions: readonly number[]): Promise<Settled> {
    const outbox = this.#outbox;
    if (outbox.settle === undefined) return 'settled';
    const askedMs = this.#nowMs();
    // Each question may hold up the store's connection, so those that are likely in vain are few.
    if (this.#hasGivenIn && askedMs - this.#askedMs < this.#options.settleAgainMs) return 'unsure';
    this.#askedMs = askedMs;
    const answers = await Promise.all(
      partitions.map(async (partition) => outbox.settle?.(partition)),
    );
    if (!answers.every(Boolean)) return this.#failed(this.#nowMs());
    this.#failingSinceMs = undefined;
    this.#hasGivenIn = false;
    return 'settled';
  }

  #failed(nowMs: number): Settled {
    if (nowMs - this.#failedMs > STALE_MS) this.#failingSinceMs = undefined;
    this.#failedMs = nowMs;
    this.#failingSinceMs ??= nowMs;
    const isLong = nowMs - this.#failingSinceMs >= this.#options.settleMs;
    this.#hasGivenIn = isLong && this.#outbox.mustSettle !== true;
    return this.#hasGivenIn ? 'unsure' : 'unsettled';
  }
}
