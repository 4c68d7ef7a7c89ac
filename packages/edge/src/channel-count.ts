import { channelOfKey, limits, subscriptionCountFrame, type ChannelKey } from '@fanfare/protocol';

/** How many subscriptions a channel has in the cluster, and whether everybody here knows. */
export class ChannelCount {
  readonly #key: ChannelKey;
  /** As it was last told. */
  #count: number | undefined;
  #awaited = false;

  constructor(key: ChannelKey) {
    this.#key = key;
  }

  /** Somebody here has yet to hear the count. */
  get isAwaited(): boolean {
    return this.#awaited;
  }

  /**
   * Somebody was subscribed. Where the count is told often enough that is waited for; else the one
   * that is known is the answer.
   */
  welcome(): string | undefined {
    if (this.#count !== undefined && this.#count > limits.frequentCountMax)
      return this.#frame(this.#count);
    this.#awaited = true;
    return undefined;
  }

  /** The frame for everybody here; undefined if all of them know. */
  take(count: number): string | undefined {
    if (count === this.#count && !this.#awaited) return undefined;
    this.#count = count;
    this.#awaited = false;
    return this.#frame(count);
  }

  /** Counts may have been missed. */
  onGap(): void {
    this.#awaited = true;
  }

  #frame(count: number): string {
    return subscriptionCountFrame(channelOfKey(this.#key), count);
  }
}
