import { within as withinMs } from '../../../test/support/deadline.ts';

/** How long a test waits for anything; the machine may be busy, and nothing here takes a tenth of it. */
const DEADLINE_MS = 10_000;

/** What came in and was not looked at yet. Whoever waits in vain is told what for. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #what: string;
  #waiting: ((item: T) => void) | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  push(item: T): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  get size(): number {
    return this.#items.length;
  }

  async next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return item;
    const arrival = new Promise<T>((resolve) => {
      this.#waiting = resolve;
    });
    return within(arrival, `waited for a ${this.#what} that did not come`);
  }

  async take(count: number): Promise<readonly T[]> {
    const items: T[] = [];
    while (items.length < count) items.push(await this.next());
    return items;
  }
}

/** Fails with a sentence instead of hanging. */
export async function within<T>(promise: Promise<T>, sentence: string): Promise<T> {
  return withinMs(promise, DEADLINE_MS, () => sentence);
}
