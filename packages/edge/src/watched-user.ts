import type { Online, RosterChange } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';

/** A socket, and the frames it is sent. */
export interface WatchingSocket {
  send(frame: string): unknown;
}

/** What one socket watches. */
export interface Watcher {
  readonly socket: WatchingSocket;
  readonly users: readonly WatchedUser[];
  /** What it was last told of each of them; undefined before it was told of any. */
  told: boolean[] | undefined;
}

/**
 * A user whom somebody here watches, from what the store says: what was read, and changes, which
 * arrive in their order and may be told again. Each tells all there is to know, so the newest counts.
 */
export class WatchedUser {
  readonly key: ChannelKey;
  readonly id: string;
  readonly watchers = new Set<Watcher>();
  /** What the watchers are to know; undefined while nothing was read. */
  shown: boolean | undefined;
  #online: boolean | undefined;
  #version = 0;
  /** The first round whose answer counts, while one is awaited; what it must hold against changes. */
  #awaited: number | undefined;
  #followed = false;
  #latest: Online | undefined;

  constructor(key: ChannelKey, id: string) {
    this.key = key;
    this.id = id;
  }

  /** Changes arrive here. */
  get isFollowed(): boolean {
    return this.#followed;
  }

  /** As far as is known; undefined while nothing was read. */
  get online(): boolean | undefined {
    return this.#online;
  }

  /** From now on changes arrive, and `round` or a later one reads what was before them. */
  await(round: number): void {
    this.#followed = true;
    this.#awaited = round;
    this.#latest = undefined;
  }

  take(read: Online, round: number): void {
    if (this.#awaited === undefined || round < this.#awaited) return;
    this.#awaited = undefined;
    const newer = this.#latest !== undefined && this.#latest.version > read.version;
    const { version, online } = newer && this.#latest !== undefined ? this.#latest : read;
    this.#latest = undefined;
    this.#version = version;
    this.#online = online;
  }

  apply({ version, joined }: RosterChange): void {
    if (this.#awaited !== undefined) {
      this.#latest = { version, online: joined };
      return;
    }
    if (version <= this.#version) return;
    this.#version = version;
    this.#online = joined;
  }
}
