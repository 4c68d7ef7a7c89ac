/** Something to do in its turn. A task that returns a promise holds up those behind it until it settles. */
export type Task = () => Promise<void> | undefined;

/**
 * Lets tasks through one at a time, in order. While none of them waits nothing is kept, so that a
 * connection at rest costs nothing. Tasks never reject: they carry their own failures.
 */
export class Turnstile {
  #waiting: Task[] | undefined;
  #bytes = 0;

  /** How many tasks wait, and how many bytes of frames they hold. */
  get waiting(): { readonly tasks: number; readonly bytes: number } {
    return { tasks: this.#waiting?.length ?? 0, bytes: this.#bytes };
  }

  pass(task: Task, bytes: number): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(task);
      this.#bytes += bytes;
      return;
    }
    const pending = task();
    if (pending === undefined) return;
    this.#waiting = [];
    void this.#drain(pending);
  }

  async #drain(pending: Promise<void>): Promise<void> {
    await pending;
    for (let task = this.#waiting?.shift(); task !== undefined; task = this.#waiting?.shift()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      await task();
    }
    this.#waiting = undefined;
    this.#bytes = 0;
  }
}
