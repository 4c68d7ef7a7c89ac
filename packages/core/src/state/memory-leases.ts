import type { Incarnation } from '../ports/state.ts';
import type { StateTiming } from './timing.ts';

/** Many tend at once, and on Redis not each of them is worth a write. */
const NOTE_MS = 250;

/** Who is alive in a partition, and who may never come back. */
export class MemoryLeases {
  readonly #timing: StateTiming;
  readonly #until = new Map<Incarnation, number>();
  readonly #dead = new Map<Incarnation, number>();
  /** Nobody is fenced before this; 0 while there is no reason for doubt. */
  #holdUntilMs = 0;
  #tendedMs: number | undefined;

  constructor(timing: StateTiming) {
    this.#timing = timing;
  }

  has(incarnation: Incarnation): boolean {
    return this.#until.has(incarnation);
  }

  /** False for an incarnation that was fenced already. */
  register(incarnation: Incarnation, nowMs: number): boolean {
    if (this.#dead.has(incarnation)) return false;
    this.#until.set(incarnation, nowMs + this.#timing.leaseMs);
    this.#tendedMs ??= nowMs;
    return true;
  }

  /** A lease that ran out and was not fenced yet lives on. */
  renew(incarnation: Incarnation, nowMs: number): boolean {
    if (!this.has(incarnation)) return false;
    this.#until.set(incarnation, nowMs + this.#timing.leaseMs);
    return true;
  }

  fence(incarnation: Incarnation, nowMs: number): boolean {
    if (!this.#until.delete(incarnation)) return false;
    this.#dead.set(incarnation, nowMs);
    return true;
  }

  fenceExpired(nowMs: number): readonly Incarnation[] {
    // A clock that went back must not make anybody live longer than from now on.
    for (const [incarnation, untilMs] of this.#until)
      this.#until.set(incarnation, Math.min(untilMs, nowMs + this.#timing.leaseMs));
    const expired = [...this.#until].filter(([, untilMs]) => untilMs <= nowMs).map(([key]) => key);
    const doubtful = this.#doubtful(expired.length * 2 > this.#until.size, nowMs);
    if (doubtful) return [];
    for (const incarnation of expired) this.fence(incarnation, nowMs);
    for (const [incarnation, deadMs] of this.#dead)
      if (deadMs + this.#timing.tombstoneMs < nowMs) this.#dead.delete(incarnation);
    return expired;
  }

  /**
   * When nobody tended for half a lease the store itself stood still, and so did the heartbeats; when
   * most leases run out at once its clock jumped, or the network broke. Writing everybody off would
   * announce departures that never were. So nobody is for a while, not even once the first are back:
   * the others are on their way.
   */
  #doubtful(most: boolean, nowMs: number): boolean {
    const { leaseMs } = this.#timing;
    const sinceMs = Math.abs(nowMs - (this.#tendedMs ?? nowMs));
    if (this.#tendedMs === undefined || sinceMs >= NOTE_MS) this.#tendedMs = nowMs;
    if (sinceMs > leaseMs / 2 || (most && this.#holdUntilMs === 0))
      this.#holdUntilMs = nowMs + this.#timing.guardMs;
    this.#holdUntilMs = Math.min(this.#holdUntilMs, nowMs + this.#timing.guardMs);
    if (nowMs < this.#holdUntilMs) return true;
    if (!most) this.#holdUntilMs = 0;
    return false;
  }
}
