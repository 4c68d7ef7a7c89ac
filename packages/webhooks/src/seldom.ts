/** Things that are counted at the same time; beyond it the oldest is forgotten, and told anew. */
const KEYS_MAX = 1_000;

interface Counted {
  readonly toldMs: number;
  many: number;
}

/** Adds up what happens often, so that it is told at once and then once in an interval at most. */
export class Seldom {
  readonly #intervalMs: number;
  readonly #counted = new Map<string, Counted>();

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** How many to tell of now, those that were not told of included; undefined when it is too soon. */
  count(key: string, many: number, nowMs: number): number | undefined {
    const known = this.#counted.get(key);
    if (known !== undefined && Math.abs(nowMs - known.toldMs) < this.#intervalMs) {
      known.many += many;
      return undefined;
    }
    this.#counted.delete(key);
    const [oldest] = this.#counted.keys();
    if (this.#counted.size >= KEYS_MAX && oldest !== undefined) this.#counted.delete(oldest);
    this.#counted.set(key, { toldMs: nowMs, many: 0 });
    return many + (known?.many ?? 0);
  }
}
