/** Proves that a request may go out; says to the breaker afterwards which one came back. */
export interface Pass {
  readonly epoch: number;
}

/** No pass now: try again after the delay, or, without one, when a request has come back. */
export interface Refused {
  readonly waitMs: number | undefined;
}

/**
 * Decides how many requests a hook is sent at the same time. Many lanes can be due for one dead
 * endpoint; after a failure a single request at a time tries it, with growing delays in between.
 */
export class Breaker {
  readonly #maxWidth: number;
  /** Failures in a row; those of requests that were out at the same time count as one. */
  #failures = 0;
  #openUntilMs = 0;
  /** Grows with every failure that counts. */
  #epoch = 0;
  #out = 0;
  /** Doubles with every success: an endpoint that hangs is found out before it has taken every slot. */
  #width = 1;

  constructor(maxWidth: number) {
    this.#maxWidth = maxWidth;
  }

  get failing(): boolean {
    return this.#failures > 0;
  }

  /** It answered well the last time. */
  get proven(): boolean {
    return !this.failing && this.#width > 1;
  }

  /** How long nothing goes out for sure. */
  pauseMs(nowMs: number): number {
    return this.failing ? Math.max(0, this.#openUntilMs - nowMs) : 0;
  }

  enter(nowMs: number): Pass | Refused {
    if (this.failing && nowMs < this.#openUntilMs) return { waitMs: this.#openUntilMs - nowMs };
    // One at a time while it fails: a failure has made the width 1.
    if (this.#out >= this.#width) return { waitMs: undefined };
    this.#out += 1;
    return { epoch: this.#epoch };
  }

  /** The request was not sent after all. */
  cancelled(): void {
    this.#out -= 1;
  }

  /** True if the endpoint had failed before. */
  succeeded(): boolean {
    const recovered = this.failing;
    this.#out -= 1;
    this.#failures = 0;
    this.#width = Math.min(this.#maxWidth, this.#width * 2);
    return recovered;
  }

  /** `delayMs` is asked for the failures in a row. True if the endpoint had worked before. */
  failed(pass: Pass, nowMs: number, delayMs: (failures: number) => number): boolean {
    this.#out -= 1;
    // It went out before the failure that is known already.
    if (pass.epoch !== this.#epoch) return false;
    this.#epoch += 1;
    this.#failures += 1;
    this.#width = 1;
    this.#openUntilMs = nowMs + delayMs(this.#failures);
    return this.#failures === 1;
  }
}
