import type { ChannelKey } from '@fanfare/protocol';
import { TERMINATION_MS } from '../ports/users.ts';

interface Termination {
  readonly number: number;
  readonly untilMs: number;
}

/** The last termination of each user, for a while. */
export class MemoryTerminations {
  /** The oldest first. */
  readonly #users = new Map<ChannelKey, Termination>();

  /** Numbers start from the clock, so that one that was forgotten in between is not given again. */
  add(user: ChannelKey, nowMs: number): number {
    this.#forget(nowMs);
    const number = Math.max(this.get(user, nowMs) + 1, nowMs * 1000);
    this.#users.delete(user);
    this.#users.set(user, { number, untilMs: nowMs + TERMINATION_MS });
    return number;
  }

  get(user: ChannelKey, nowMs: number): number {
    const termination = this.#users.get(user);
    return termination === undefined || termination.untilMs <= nowMs ? 0 : termination.number;
  }

  #forget(nowMs: number): void {
    for (const [user, { untilMs }] of this.#users) {
      if (untilMs > nowMs) return;
      this.#users.delete(user);
    }
  }
}
