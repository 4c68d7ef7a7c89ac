/** Values that are forgotten a fixed time after they were set. They stand in that order, so the oldest leave first. */
export class Fleeting<T> {
  readonly #values = new Map<string, { readonly value: T; readonly untilMs: number }>();
  readonly #keepMs: number;
  readonly #nowMs: () => number;

  constructor(keepMs: number, nowMs: () => number) {
    this.#keepMs = keepMs;
    this.#nowMs = nowMs;
  }

  get(key: string): { readonly value: T; readonly leftMs: number } | undefined {
    const now = this.#forget();
    const found = this.#values.get(key);
    return found && { value: found.value, leftMs: found.untilMs - now };
  }

  set(key: string, value: T): void {
    const now = this.#forget();
    this.#values.delete(key);
    this.#values.set(key, { value, untilMs: now + this.#keepMs });
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  #forget(): number {
    const now = this.#nowMs();
    for (const [key, { untilMs }] of this.#values) {
      if (untilMs > now) break;
      this.#values.delete(key);
    }
    return now;
  }
}
