import { Failure } from '../failure.ts';

/** Looks, one at a time: who asks while one is under way is answered by the one that follows it. */
export class Looks {
  readonly #act: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  async look(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#act().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#behind(this.#running);
    return this.#next;
  }

  /** For whoever does not wait. What the world fails at is looked at again by the clock. */
  again(): void {
    this.look().catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
    });
  }

  async settled(): Promise<void> {
    while (this.#running !== undefined || this.#next !== undefined)
      // oxlint-disable-next-line no-await-in-loop -- each may bring another
      await (this.#next ?? this.#running)?.catch(() => {});
  }

  async #behind(running: Promise<void>): Promise<void> {
    // Its failure is told to those who waited for it.
    await running.catch(() => {});
    this.#next = undefined;
    return this.look();
  }
}
