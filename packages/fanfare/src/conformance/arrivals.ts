/** What a socket got, kept in order until somebody asks for it. */
export class Arrivals<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** The next one, or undefined when none came in time. One asks at a time. */
  async next(patienceMs: number): Promise<T | undefined> {
    if (this.#items.length === 0) await this.#arrival(patienceMs);
    return this.#items.shift();
  }

  async #arrival(patienceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, patienceMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
