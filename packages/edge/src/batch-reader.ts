import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { ChannelKey } from '@fanfare/protocol';

/** Keys read in one go. */
const BATCH = 500;
/** Pause after a read that failed. */
const RETRY_MS = 500;

export interface BatchReaderParts<Value> {
  read(keys: readonly ChannelKey[]): Promise<readonly Value[]>;
  /** False for a key that nobody asks for any more. */
  isWanted(key: ChannelKey): boolean;
  /** Was read in `round`: after every `want` that returned as much or less. */
  onRead(key: ChannelKey, value: Value, round: number): void;
  onFailed(error: unknown): void;
}

/** Reads something of many keys, all that one turn asks for together and one batch after the other, until each was read. */
export class BatchReader<Value> {
  readonly #parts: BatchReaderParts<Value>;
  readonly #waiting = new Set<ChannelKey>();
  #round = 0;
  #running = false;
  #stopped = false;

  constructor(parts: BatchReaderParts<Value>) {
    this.#parts = parts;
  }

  /** Returns the first round that may read the key from now on. */
  want(key: ChannelKey): number {
    this.#waiting.add(key);
    if (!this.#running && !this.#stopped) void this.#run();
    return this.#round + 1;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    this.#running = true;
    await nextTurn();
    while (this.#waiting.size > 0 && !this.#stopped) {
      const keys = this.#take();
      this.#round += 1;
      // oxlint-disable-next-line no-await-in-loop -- one batch after the other is the point
      if (!(await this.#read(keys))) await pause(RETRY_MS, undefined, { ref: false });
    }
    this.#running = false;
  }

  #take(): readonly ChannelKey[] {
    const keys: ChannelKey[] = [];
    for (const key of this.#waiting) {
      if (keys.length === BATCH) break;
      this.#waiting.delete(key);
      if (this.#parts.isWanted(key)) keys.push(key);
    }
    return keys;
  }

  async #read(keys: readonly ChannelKey[]): Promise<boolean> {
    if (keys.length === 0) return true;
    const round = this.#round;
    let values: readonly Value[];
    try {
      values = await this.#parts.read(keys);
    } catch (error) {
      for (const key of keys) this.#waiting.add(key);
      this.#parts.onFailed(error);
      return false;
    }
    if (this.#stopped) return true;
    for (const [at, key] of keys.entries()) {
      const value = values[at];
      if (value !== undefined) this.#parts.onRead(key, value, round);
    }
    return true;
  }
}
