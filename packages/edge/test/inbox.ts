/** How long a test waits for anything; the machine may be busy, and nothing here takes a tenth of it. */
const DEADLINE_MS = 5000;

/** What came in and was not yet looked at. Whoever waits in vain is told what for. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #what: string;
  #waiting: { readonly resolve: (item: T) => void; readonly reject: (error: Error) => void }[] = [];
  #ended: string | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting.resolve(item);
  }

  /** Nothing more will come, and why. */
  end(why: string): void {
    this.#ended ??= why;
    for (const { reject } of this.#waiting) reject(new Error(`${why}: no ${this.#what} to come`));
    this.#waiting = [];
  }

  async next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return item;
    if (this.#ended !== undefined) throw new Error(`${this.#ended}: no ${this.#what} to come`);
    const arrival = new Promise<T>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
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
export async function within<T>(
  promise: Promise<T>,
  sentence: string,
  ms: number = DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(sentence);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
