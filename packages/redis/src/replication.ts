import { isFailure } from '@fanfare/core';
import type { LinkLog } from './connect.ts';
import type { StateCaller } from './state-caller.ts';

/** How long a claim waits for the replicas. Others on the connection wait with it. */
const SETTLE_MS = 50;

export interface ReplicationOptions {
  /** How many replicas must know of a claim; undefined: one, while Redis has one. */
  readonly replicas: number | undefined;
  /** How long what Redis said of its replicas is believed. */
  readonly believedMs: number;
  readonly log: LinkLog;
}

/** Knows whether there is a replica to wait for. It asks Redis now and then, only when it matters. */
export class Replication {
  readonly #caller: StateCaller;
  readonly #options: ReplicationOptions;
  /** How many replicas there are, or the question on its way. */
  #reading: Promise<number> | number | undefined;
  #untilMs = 0;
  /** The wait that is under way, and the one behind it. */
  #current: Promise<unknown> = Promise.resolve();
  #next: Promise<boolean> | undefined;
  /** Since when no claim was settled; Infinity once that has been told. */
  #behindSinceMs: number | undefined;
  /** This Redis does not let us ask or wait, and that has been told. */
  #refused = false;

  constructor(caller: StateCaller, options: ReplicationOptions) {
    this.#caller = caller;
    this.#options = options;
  }

  /** So many replicas were asked for that nothing goes out before they answer. */
  get isStrict(): boolean {
    return this.#options.replicas !== undefined;
  }

  /** There may be another Redis at the other end. */
  forget(): void {
    this.#untilMs = 0;
    this.#reading = undefined;
  }

  /**
   * True once what the connection has seen so far is known to as many replicas as it takes. A wait
   * holds up the connection, so all who ask while one is under way share the next.
   */
  async settle(): Promise<boolean> {
    this.#next ??= this.#settleBehind(this.#current);
    return this.#next;
  }

  async #settleBehind(before: Promise<unknown>): Promise<boolean> {
    await before;
    this.#next = undefined;
    const settling = this.#settleNow();
    // How it ended is for those who asked.
    this.#current = settling.catch(() => undefined);
    return settling;
  }

  async #settleNow(): Promise<boolean> {
    const settled = await this.#settled();
    if (settled) this.#behindSinceMs = undefined;
    else if (this.isStrict) this.#complain(performance.now());
    return settled;
  }

  async #settled(): Promise<boolean> {
    const { replicas } = this.#options;
    if (replicas !== undefined) return this.#caller.replicated(replicas, SETTLE_MS);
    try {
      if ((await this.#online()) === 0) return true;
      if (await this.#caller.replicated(1, SETTLE_MS)) return true;
    } catch (error) {
      return this.#pass(error);
    }
    // It may be gone, and then there is nobody to wait for.
    this.forget();
    return false;
  }

  /** Until so many know of them, claims are given back and nothing is delivered: somebody should know. */
  #complain(nowMs: number): void {
    const { believedMs, log } = this.#options;
    this.#behindSinceMs ??= nowMs;
    if (nowMs - this.#behindSinceMs < believedMs) return;
    this.#behindSinceMs = Infinity;
    log.warn(
      { setting: 'REDIS_REPLICAS' },
      'webhooks wait for replicas of Redis that are not there or do not keep up',
    );
  }

  async #online(): Promise<number> {
    const nowMs = performance.now();
    if (this.#reading === undefined || nowMs >= this.#untilMs) {
      this.#untilMs = nowMs + this.#options.believedMs;
      this.#reading = this.#read();
    }
    return this.#reading;
  }

  async #read(): Promise<number> {
    try {
      return onlineReplicas(await this.#caller.replicationInfo());
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** A Redis that is run by somebody else may not know of waiting; it is used as one without replicas. */
  #pass(error: unknown): true {
    const reason = refusal(error);
    if (reason === undefined) throw error;
    this.#reading = 0;
    this.#untilMs = performance.now() + this.#options.believedMs;
    if (!this.#refused)
      this.#options.log.warn(
        { reason },
        'Redis does not let us wait for its replicas; going on without',
      );
    this.#refused = true;
    return true;
  }
}

/** What Redis said if it was an answer, and not a connection that broke. */
function refusal(error: unknown): string | undefined {
  if (!isFailure(error, 'unavailable') || !(error.cause instanceof Error)) return undefined;
  const { message } = error.cause;
  return /^(NOPERM|ERR) /.test(message) ? message : undefined;
}

/** How many replicas this `INFO replication` shows to be in step; one that still loads the data is not. */
export function onlineReplicas(info: string): number {
  const replicas = info.match(/^(?:slave|replica)\d+:.*$/gm) ?? [];
  if (replicas.length > 0) return replicas.filter((line) => line.includes('state=online')).length;
  return Number(/^connected_slaves:(\d+)/m.exec(info)?.[1] ?? 0);
}
