/** Something to do in its turn. A task that returns a promise holds up those behind it until it settles. */
export type Task = () => Promise<void> | undefined;

/** Whose tasks they are. */
export interface TurnstileOwner {
  /** A task threw after it had waited, where nobody else would hear of it. Those behind it still have their turn. */
  onDefect(error: unknown): void;
}

interface Waiting {
  readonly task: Task;
  readonly bytes: number;
}

/**
 * Lets tasks through one at a time, in order. While none of them waits nothing is kept, so that a
 * connection at rest costs nothing.
 */
export class Turnstile {
  readonly #owner: TurnstileOwner;
  #waiting: Waiting[] | undefined;
  #bytes = 0;

  constructor(owner: TurnstileOwner) {
    this.#owner = owner;
  }

  /** How many tasks wait, and how many bytes of frames they hold. */
  get waiting(): { readonly tasks: number; readonly bytes: number } {
    return { tasks: this.#waiting?.length ?? 0, bytes: this.#bytes };
  }

  pass(task: Task, bytes: number): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push({ task, bytes });
      this.#bytes += bytes;
      return;
    }
    const pending = task();
    if (pending === undefined) return;
    this.#waiting = [];
    void this.#drain(pending);
  }

  async #drain(first: Promise<void>): Promise<void> {
    await this.#settled(() => first);
    for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift()) {
      this.#bytes -= next.bytes;
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      await this.#settled(next.task);
    }
    this.#waiting = undefined;
  }

  async #settled(task: Task): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#owner.onDefect(error);
    }
  }
}
