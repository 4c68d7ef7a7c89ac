import type { NextTend, TellsIn } from '../ports/state.ts';

/** Between two visits for counts, so that reports have their turn as well. */
const TELL_PAUSE_MS = 50;
/** For how long beyond its time an edge looks after a count that it has set in motion. */
const TELL_PATIENCE_MS = 1_000;

/** When an edge tends a partition: when the store wants it, and for counts that this edge has set in motion. */
export class TendSchedule {
  readonly #tendMs: number;
  readonly #random: () => number;
  #tendDueMs = Infinity;
  #tellDueMs = Infinity;
  #tellUntilMs = 0;

  /** What the store wants is done up to `tendMs` later, so that not every edge does it at once. */
  constructor(tendMs: number, random: () => number) {
    this.#tendMs = tendMs;
    this.#random = random;
  }

  get dueMs(): number {
    return Math.min(this.#tendDueMs, this.#tellDueMs);
  }

  reset(): void {
    this.#tendDueMs = Infinity;
    this.#tellDueMs = Infinity;
  }

  wanted(tendInMs: number, nowMs: number): void {
    this.#tendDueMs = nowMs + tendInMs + Math.ceil(this.#random() * this.#tendMs);
  }

  tended({ tendInMs, tellInMs }: NextTend, nowMs: number): void {
    this.wanted(tendInMs, nowMs);
    const tellMs = nowMs + Math.max(tellInMs, TELL_PAUSE_MS);
    this.#tellDueMs = tellMs <= this.#tellUntilMs ? tellMs : Infinity;
  }

  /** Its counts are told in time also where no worker runs. */
  lookAfter({ firstMs, lastMs }: TellsIn, nowMs: number): void {
    this.#tellDueMs = Math.min(this.#tellDueMs, nowMs + firstMs);
    this.#tellUntilMs = Math.max(this.#tellUntilMs, nowMs + lastMs + TELL_PATIENCE_MS);
  }
}
