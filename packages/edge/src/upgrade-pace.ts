/** Lets a connection in; one that came in too great a crowd is only told so. */
export type Answer = (isTooMany: boolean) => void;

export interface PaceLimits {
  /** Time of one turn of the event loop that may go into new connections. */
  readonly sliceMs: number;
  /** How long one may wait: less than the two seconds after which pusher-js looks for another way. */
  readonly waitMs: number;
  /** How many may wait at one time. */
  readonly waitingMax: number;
}

export const paceLimits: PaceLimits = { sliceMs: 5, waitMs: 1_800, waitingMax: 8_192 };

interface Waiting {
  readonly answer: Answer;
  readonly sinceMs: number;
}

/**
 * Spreads a crowd of connections over the turns of the event loop. They are let in at once until
 * they have taken five milliseconds of a turn; the others wait, and each later turn lets in as many
 * as fit into its five. So open sockets wait for a few milliseconds at most, a faster machine takes
 * more, a busy one less, and the crowd is drawn apart by being served: no rate has to be set or
 * guessed. Whoever has waited for 1.8 seconds, or finds 8 192 others waiting, is refused with 4100.
 */
export class UpgradePace {
  readonly #limits: PaceLimits;
  readonly #nowMs: () => number;
  readonly #waiting = new Set<Waiting>();
  #spentMs = 0;
  #isTurnDue = false;

  constructor(bounds: PaceLimits, nowMs: () => number) {
    this.#limits = bounds;
    this.#nowMs = nowMs;
  }

  /** Does work of the present turn for a new connection, and counts the time that it takes. */
  run(work: () => void): void {
    this.#askTurn();
    const startMs = this.#nowMs();
    try {
      work();
    } finally {
      this.#spentMs += this.#nowMs() - startMs;
    }
  }

  /** To be called within `run`. Answers now, or returns what calls off the answer that is to come. */
  pass(answer: Answer): (() => void) | undefined {
    const { sliceMs, waitingMax } = this.#limits;
    if (this.#waiting.size === 0 && this.#spentMs < sliceMs) answer(false);
    else if (this.#waiting.size >= waitingMax) answer(true);
    else {
      const waiting: Waiting = { answer, sinceMs: this.#nowMs() };
      this.#waiting.add(waiting);
      return () => this.#waiting.delete(waiting);
    }
    return undefined;
  }

  #askTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#spentMs = 0;
    for (const waiting of this.#waiting) {
      if (this.#spentMs >= this.#limits.sliceMs) break;
      this.#waiting.delete(waiting);
      const waitedMs = this.#nowMs() - waiting.sinceMs;
      this.run(() => waiting.answer(waitedMs > this.#limits.waitMs));
    }
    this.#isTurnDue = false;
    if (this.#waiting.size > 0) this.#askTurn();
    else this.#spentMs = 0;
  }
}
