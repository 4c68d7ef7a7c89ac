import type { TestContext } from 'node:test';

/** Chance that can be had again: the seed is printed, and taken from FUZZ_SEED when that is set. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  of<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to choose from');
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** A seed of this run, and those of past failures. */
export function seeds(past: readonly number[] = []): readonly number[] {
  const { FUZZ_SEED: given } = process.env;
  if (given !== undefined) return [Number(given)];
  return [...past, Math.floor(Math.random() * 2 ** 32)];
}

export function showSeed(test: TestContext, seed: number): Chance {
  test.diagnostic(`seed ${seed}; to run it again: FUZZ_SEED=${seed}`);
  return new Chance(seed);
}

/**
 * The seeds of a test that runs the same ones every time, so that it fails for everybody or for
 * nobody: `FUZZ_SEED=7` runs that one alone, `FUZZ_SEEDS=1000` so many. Those of past failures go first.
 */
export function fixedSeeds(count: number, past: readonly number[] = []): readonly number[] {
  const { FUZZ_SEED: given, FUZZ_SEEDS: many } = process.env;
  if (given !== undefined) return [Number(given)];
  const fresh = Array.from({ length: Number(many ?? count) }, (_, at) => at + 1);
  return [...new Set([...past, ...fresh])];
}
