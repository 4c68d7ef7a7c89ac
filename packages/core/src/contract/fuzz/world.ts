/** Numbers in [0, 1) that a seed decides: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const START_MS = 1_700_000_000_000;

/** Says that nothing was set in motion, so that nobody has to be waited for. */
export const IDLE = Symbol('idle');

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => unknown;
}

/** Virtual time: what happens is carried out one after the other, in an order that the seed decides. */
export class World {
  nowMs = START_MS;
  /** What the store's clock is wrong by. */
  skewMs = 0;
  readonly random: () => number;
  /** The earliest stands last. */
  readonly #happenings: Happening[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  get elapsedMs(): number {
    return this.nowMs - START_MS;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1));
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.random() * from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  after(delayMs: number, act: () => unknown): void {
    this.#order += 1;
    const happening = { atMs: this.nowMs + delayMs, order: this.#order, act };
    let [low, high] = [0, this.#happenings.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#happenings[middle];
      if (other !== undefined && isLater(other, happening)) low = middle + 1;
      else high = middle;
    }
    this.#happenings.splice(low, 0, happening);
  }

  async sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  async runFor(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.#happenings.at(-1);
      if (next === undefined || next.atMs > endMs) break;
      this.#happenings.pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const acted = next.act();
      if (acted === IDLE) continue;
      await acted;
      // Whoever waited for this goes on before anything else happens.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    this.nowMs = endMs;
  }
}

function isLater(one: Happening, other: Happening): boolean {
  return one.atMs === other.atMs ? one.order > other.order : one.atMs > other.atMs;
}
