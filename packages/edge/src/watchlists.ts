import type { Online, RosterChange, RosterFeed, UserReader } from '@fanfare/core';
import {
  channelOfKey,
  userOfChannel,
  watchlistEventsFrame,
  type ChannelKey,
} from '@fanfare/protocol';
import { BatchReader } from './batch-reader.ts';
import type { EdgeCounters } from './counters.ts';
import { WatchedUser, type Watcher, type WatchingSocket } from './watched-user.ts';

/** Changes gather for so long before the sockets are told. */
const TICK_MS = 25;
/** How long a user must be gone before anybody is told: longer than a page takes to reload. */
const OFFLINE_MS = 3_000;
/** Pause before a user whose changes could not be had is asked for again. */
const RETRY_MS = 500;

export interface WatchlistTimes {
  readonly offlineMs: number;
  readonly tickMs: number;
}

export interface WatchlistsParts {
  readonly store: Pick<UserReader, 'online'>;
  /** Known only once the feed is open, which needs this first. */
  feed(): RosterFeed;
  readonly counters: EdgeCounters;
  readonly times?: WatchlistTimes;
  onFailed(error: unknown): void;
}

/** Whom sockets here watch: each user once, whatever the number of those who watch. */
export class Watchlists {
  readonly #parts: WatchlistsParts;
  readonly #times: WatchlistTimes;
  readonly #reader: BatchReader<Online>;
  readonly #users = new Map<ChannelKey, WatchedUser>();
  /** Users who are gone and may be back, in the order in which that is told. */
  readonly #leaving = new Map<WatchedUser, number>();
  /** Watchers to whom something is to be told with the next tick. */
  readonly #changed = new Set<Watcher>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Infinity;
  #stopped = false;

  constructor(parts: WatchlistsParts) {
    this.#parts = parts;
    this.#times = parts.times ?? { offlineMs: OFFLINE_MS, tickMs: TICK_MS };
    this.#reader = new BatchReader({
      read: async (users) => parts.store.online(users),
      isWanted: (user) => this.#users.has(user),
      onRead: (user, online, round) => {
        const watched = this.#users.get(user);
        if (watched !== undefined) this.#settle(watched, () => watched.take(online, round));
      },
      onFailed: (error) => parts.onFailed(error),
    });
  }

  /** The socket is told the state of all of them at once, as soon as it is known, and their changes from then on. */
  watch(socket: WatchingSocket, keys: readonly ChannelKey[]): Watcher {
    const users = keys.map((key) => this.#users.get(key) ?? this.#add(key));
    const watcher: Watcher = { socket, users, told: undefined };
    for (const user of users) user.watchers.add(watcher);
    this.#changed.add(watcher);
    this.#wakeSoon();
    return watcher;
  }

  release(watcher: Watcher): void {
    this.#changed.delete(watcher);
    for (const user of watcher.users) {
      user.watchers.delete(watcher);
      if (user.watchers.size === 0) this.#drop(user);
    }
  }

  readonly onChange = (key: ChannelKey, change: RosterChange): void => {
    const user = this.#users.get(key);
    if (user !== undefined) this.#settle(user, () => user.apply(change));
  };

  readonly onGap = (key: ChannelKey | undefined): void => {
    const users = key === undefined ? this.#users.values() : [this.#users.get(key)];
    // Who is not heard of yet is read as soon as that is so.
    for (const user of users) if (user?.isFollowed === true) this.#ask(user);
  };

  stop(): void {
    this.#stopped = true;
    this.#reader.stop();
    clearTimeout(this.#timer);
    for (const retry of this.#retries) clearTimeout(retry);
  }

  #add(key: ChannelKey): WatchedUser {
    const user = new WatchedUser(key, userOfChannel(channelOfKey(key)) ?? '');
    this.#users.set(key, user);
    this.#parts.counters.watchedUsers = this.#users.size;
    void this.#follow(user);
    return user;
  }

  #drop(user: WatchedUser): void {
    this.#leaving.delete(user);
    this.#users.delete(user.key);
    this.#parts.counters.watchedUsers = this.#users.size;
    this.#parts.feed().unsubscribe(user.key);
  }

  async #follow(user: WatchedUser): Promise<void> {
    try {
      await this.#parts.feed().subscribe(user.key);
    } catch (error) {
      if (!this.#isOpen(user)) return;
      this.#parts.onFailed(error);
      const retry = setTimeout(() => {
        this.#retries.delete(retry);
        if (this.#isOpen(user)) void this.#follow(user);
      }, RETRY_MS);
      this.#retries.add(retry);
      return;
    }
    if (this.#isOpen(user)) this.#ask(user);
  }

  #isOpen(user: WatchedUser): boolean {
    return !this.#stopped && this.#users.get(user.key) === user;
  }

  #ask(user: WatchedUser): void {
    user.await(this.#reader.want(user.key));
  }

  /** What has become of a user by what was heard: who came is told, who went is waited for. */
  #settle(user: WatchedUser, hear: () => void): void {
    hear();
    const { online, shown } = user;
    if (online === undefined) return;
    if (online || shown !== true) this.#leaving.delete(user);
    if (online === shown) return;
    if (online || shown === undefined) {
      this.#show(user, online);
      this.#wakeSoon();
    } else if (!this.#leaving.has(user)) {
      const dueMs = performance.now() + this.#times.offlineMs;
      this.#leaving.set(user, dueMs);
      this.#wake(dueMs);
    }
  }

  #show(user: WatchedUser, online: boolean): void {
    user.shown = online;
    for (const watcher of user.watchers) this.#changed.add(watcher);
  }

  #wakeSoon(): void {
    this.#wake(performance.now() + this.#times.tickMs);
  }

  #wake(atMs: number): void {
    if (atMs >= this.#timerMs || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timerMs = atMs;
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, atMs - performance.now()));
  }

  #tick(): void {
    this.#timerMs = Infinity;
    const nowMs = performance.now();
    for (const [user, dueMs] of this.#leaving) {
      // Who is due by the next tick goes with this one.
      if (dueMs > nowMs + this.#times.tickMs) {
        this.#wake(dueMs);
        break;
      }
      this.#leaving.delete(user);
      this.#show(user, false);
    }
    for (const watcher of this.#changed) {
      this.#changed.delete(watcher);
      report(watcher);
    }
  }
}

/** Says what the watcher does not know yet. Until all of it is known, it is told nothing. */
function report(watcher: Watcher): void {
  const { users, told = [], socket } = watcher;
  const online: string[] = [];
  const offline: string[] = [];
  for (const [at, { shown, id }] of users.entries()) {
    if (shown === undefined) return;
    if (shown === told[at]) continue;
    (shown ? online : offline).push(id);
    told[at] = shown;
  }
  watcher.told = told;
  if (online.length > 0 || offline.length > 0) socket.send(watchlistEventsFrame(online, offline));
}
