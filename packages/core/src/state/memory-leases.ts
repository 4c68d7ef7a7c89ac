import type { Incarnation } from '../ports/state.ts';
import type { StateTiming } from './timing.ts';

/** Many look at once, and on Redis not each of them is worth a write. */
const NOTE_MS = 1_000;
/** Workers look more often; when they do, what is due is theirs. */
const POLLED_MS = 3_000;

/** Who is alive in a partition, and who may never come back. */
export class MemoryLeases {
  readonly #timing: StateTiming;
  readonly #until = new Map<Incarnation, number>();
  readonly #dead = new Map<Incarnation, number>();
  /** Nobody is fenced before this; 0 while there is no reason for doubt. */
  #holdUntilMs = 0;
  /** When anybody was last here. */
  #aliveMs: number | undefined;
  #polledMs = 0;

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
    this.#aliveMs ??= nowMs;
    return true;
  }

  /** A lease that ran out and was not fenced yet lives on. */
  renew(incarnation: Incarnation, nowMs: number): boolean {
    if (!this.has(incarnation)) return false;
    this.#watch(nowMs);
    this.#until.set(incarnation, nowMs + this.#timing.leaseMs);
    return true;
  }

  fence(incarnation: Incarnation, nowMs: number): boolean {
    if (!this.#until.delete(incarnation)) return false;
    this.#dead.set(incarnation, nowMs);
    return true;
  }

  fenceExpired(nowMs: number): readonly Incarnation[] {
    this.#watch(nowMs);
    const expired = [...this.#until].filter(([, untilMs]) => untilMs <= nowMs).map(([key]) => key);
    if (this.#isDoubtful(expired.length * 2 > this.#until.size, nowMs)) return [];
    for (const incarnation of expired) this.fence(incarnation, nowMs);
    for (const [incarnation, deadMs] of this.#dead)
      if (deadMs + this.#timing.tombstoneMs < nowMs) this.#dead.delete(incarnation);
    return expired;
  }

  /** A worker was here. */
  polled(nowMs: number): void {
    if (Math.abs(nowMs - this.#polledMs) >= NOTE_MS) this.#polledMs = nowMs;
  }

  /** When somebody should tend; Infinity if nothing is known that would need it. `dueMs` is a worker's, if there is one. */
  tendAtMs(dueMs: number, nowMs: number): number {
    const { tombstoneMs } = this.#timing;
    const isHeld = this.#holdUntilMs > 0;
    // While there is doubt nobody is fenced, and when it is over somebody has to take note of that.
    const leaseMs = isHeld ? this.#holdUntilMs : Math.min(...this.#until.values());
    if (Math.abs(nowMs - this.#polledMs) < POLLED_MS) return leaseMs;
    const oldMs = isHeld ? Infinity : Math.min(...this.#dead.values()) + tombstoneMs + 1;
    return Math.min(leaseMs, dueMs, oldMs);
  }

  /**
   * When nobody was here for half a lease the store itself stood still, and so did the heartbeats, or
   * its clock jumped. Writing everybody off would announce departures that never were. So nobody is
   * for a while, not even once the first are back: the others are on their way. A heartbeat is a sign
   * of life like any other, and so it has to look as well, before it hides that there was none.
   */
  #watch(nowMs: number): void {
    const { leaseMs, guardMs } = this.#timing;
    // A clock that went back must not make anybody live longer than from now on.
    for (const [incarnation, untilMs] of this.#until)
      this.#until.set(incarnation, Math.min(untilMs, nowMs + leaseMs));
    const sinceMs = Math.abs(nowMs - (this.#aliveMs ?? nowMs));
    if (this.#aliveMs === undefined || sinceMs >= NOTE_MS) this.#aliveMs = nowMs;
    if (sinceMs > leaseMs / 2) this.#holdUntilMs = nowMs + guardMs;
    this.#holdUntilMs = Math.min(this.#holdUntilMs, nowMs + guardMs);
  }

  /** When most leases run out at once the store's clock jumped, or the network broke: that is doubt as well. */
  #isDoubtful(most: boolean, nowMs: number): boolean {
    if (most && this.#holdUntilMs === 0) this.#holdUntilMs = nowMs + this.#timing.guardMs;
    if (nowMs < this.#holdUntilMs) return true;
    if (!most) this.#holdUntilMs = 0;
    return false;
  }
}
