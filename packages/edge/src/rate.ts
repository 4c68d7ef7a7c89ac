/**
 * A bucket of `perSecond` tokens that fills at `perSecond`: a burst of that size, then the rate. The
 * rate is said each time, for it may change.
 */
export class TokenBucket {
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  take(perSecond: number, nowMs: number): boolean {
    // A clock that was set back would take tokens away, for as long as it was set back.
    const passedMs = Math.max(0, nowMs - this.#atMs);
    const filled = this.#tokens + (passedMs / 1000) * perSecond;
    this.#tokens = Math.min(perSecond, filled);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
