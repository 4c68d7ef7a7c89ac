import { within as withinMs } from './deadline.ts';

/** How long anything that has to come may take; the machine may be busy, and nothing takes a tenth of it. */
const PATIENCE_MS = 10_000;

/** Keeps what came in until somebody asks, in order. Whoever waits in vain is told what for. */
export class Inbox<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  readonly #waiting: Waiting<T>[] = [];
  #ended: string | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  /** An own property, so that it can be handed over as a listener. */
  readonly push = (item: T): void => {
    this.#items.push(item);
    this.#serve();
  };

  /** How many nobody has asked for yet. */
  get size(): number {
    return this.#items.length;
  }

  /** For the message of a test that expected something else. */
  describe(): string {
    return `${this.#what}: ${JSON.stringify(this.#items)}`;
  }

  /** Nothing more will come, and why. */
  end(why: string): void {
    this.#ended ??= why;
    this.#serve();
  }

  async next(patienceMs = PATIENCE_MS): Promise<T> {
    const [item] = await this.take(1, patienceMs);
    return item as T;
  }

  async take(count: number, patienceMs = PATIENCE_MS): Promise<readonly T[]> {
    const arrival = new Promise<readonly T[]>((resolve, reject) => {
      this.#waiting.push({ count, resolve, reject });
    });
    this.#serve();
    return withinMs(arrival, patienceMs, () => `${count} expected; ${this.describe()}`);
  }

  /** Hands out everything up to the first that fits, that one last. */
  async takeUntil(fits: (item: T) => boolean): Promise<readonly T[]> {
    const taken: T[] = [];
    for (;;) {
      const item = await this.next();
      taken.push(item);
      if (fits(item)) return taken;
    }
  }

  /** Whoever asked first is served first. */
  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#items.length >= first.count) first.resolve(this.#items.splice(0, first.count));
      else if (this.#ended === undefined) return;
      else first.reject(new Error(`${this.#ended}: ${first.count} expected; ${this.describe()}`));
      this.#waiting.shift();
    }
  }
}

interface Waiting<T> {
  readonly count: number;
  readonly resolve: (items: readonly T[]) => void;
  readonly reject: (error: Error) => void;
}

/** Fails with a sentence instead of hanging. */
export async function within<T>(
  promise: Promise<T>,
  sentence: string,
  ms: number = PATIENCE_MS,
): Promise<T> {
  return withinMs(promise, ms, () => sentence);
}
