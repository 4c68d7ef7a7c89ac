import type { ChannelKey } from '@fanfare/protocol';

/**
 * The channels of one connection. Most have one, so that one is kept without a Set: an empty Set
 * on every connection would be a third of all that a connection costs.
 */
export class Subscriptions {
  #keys: ChannelKey | Set<ChannelKey> | undefined;

  get size(): number {
    if (this.#keys === undefined) return 0;
    return typeof this.#keys === 'string' ? 1 : this.#keys.size;
  }

  has(key: ChannelKey): boolean {
    return typeof this.#keys === 'object' ? this.#keys.has(key) : this.#keys === key;
  }

  add(key: ChannelKey): void {
    if (this.#keys === undefined) this.#keys = key;
    else if (typeof this.#keys === 'string') this.#keys = new Set([this.#keys, key]);
    else this.#keys.add(key);
  }

  delete(key: ChannelKey): boolean {
    if (typeof this.#keys === 'object') return this.#keys.delete(key);
    const had = this.#keys === key;
    if (had) this.#keys = undefined;
    return had;
  }

  all(): Iterable<ChannelKey> {
    if (this.#keys === undefined) return [];
    return typeof this.#keys === 'string' ? [this.#keys] : this.#keys;
  }
}
