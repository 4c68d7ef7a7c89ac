import type { RosterReader } from '@fanfare/core';
import type { PresenceChannel } from './presence-channel.ts';

/** Rosters read at a time: a lost link may have cost every channel its place. */
const READS_MAX = 32;
/** Pause after a read that failed. */
const RETRY_MS = 500;

export interface RosterRefresherParts {
  readonly store: RosterReader;
  /** False for a channel that was let go meanwhile. */
  isOpen(channel: PresenceChannel): boolean;
  onRead(): void;
  onFailed(error: unknown): void;
}

/** Reads the rosters of channels that have missed changes, a few at a time, until each has its own. */
export class RosterRefresher {
  readonly #parts: RosterRefresherParts;
  readonly #waiting = new Set<PresenceChannel>();
  readonly #reading = new Set<PresenceChannel>();
  #pause: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: RosterRefresherParts) {
    this.#parts = parts;
  }

  /** Said again for a channel that is being read it changes nothing: what is read too early is not taken. */
  refresh(channel: PresenceChannel): void {
    if (this.#reading.has(channel)) return;
    this.#waiting.add(channel);
    this.#readNext();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#pause);
  }

  #readNext(): void {
    if (this.#stopped || this.#pause !== undefined) return;
    for (const channel of this.#waiting) {
      if (this.#reading.size >= READS_MAX) return;
      this.#waiting.delete(channel);
      if (this.#parts.isOpen(channel)) void this.#read(channel);
    }
  }

  async #read(channel: PresenceChannel): Promise<void> {
    this.#reading.add(channel);
    const { generation } = channel;
    try {
      const roster = await this.#parts.store.roster(channel.key);
      this.#parts.onRead();
      this.#reading.delete(channel);
      if (!this.#stopped && this.#parts.isOpen(channel)) channel.take(roster, generation);
    } catch (error) {
      this.#parts.onFailed(error);
      this.#reading.delete(channel);
      this.#waiting.add(channel);
      this.#pauseReading();
    }
    this.#readNext();
  }

  #pauseReading(): void {
    if (this.#stopped) return;
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#readNext();
    }, RETRY_MS);
  }
}
