import { Failure, parseTermination, type UserReader } from '@fanfare/core';
import { closeReasons, type ChannelKey, type CloseReason } from '@fanfare/protocol';
import { BatchReader } from './batch-reader.ts';
import type { EdgeCounters } from './counters.ts';

/** How long a sign-in waits for the state store; as long as a subscribe waits for the bus. */
const ENTER_MS = 30_000;

const ANSWERED_LATE = new Failure('unavailable', 'the state store did not answer in time');
const STOPPING = new Failure('closed', 'the edge is stopping');

/** A connection that is signed in, or about to be. */
export interface UserSocket {
  close(reason: CloseReason): void;
}

interface Entering {
  readonly socket: UserSocket;
  /** The first read that tells what was so when it came. */
  readonly round: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
  readonly reject: (failure: Failure) => void;
  /** The highest termination that was told while it waited. */
  terminated: number;
}

interface LocalUser {
  /** Each with the number of the user's last termination before it signed in. */
  readonly sockets: Map<UserSocket, number>;
  readonly entering: Set<Entering>;
}

export interface UsersParts {
  readonly store: Pick<UserReader, 'terminations'>;
  readonly counters: EdgeCounters;
  readonly enterMs?: number;
  onFailed(error: unknown): void;
}

/**
 * Who is signed in on this edge, and the end of their connections. A termination has a number, and
 * ends those that signed in when the user's last number was lower: so it may be told twice, late, or
 * be found only when the edge is back, and whoever has signed in again since stays.
 */
export class Users {
  readonly #users = new Map<ChannelKey, LocalUser>();
  readonly #reader: BatchReader<number>;
  readonly #counters: EdgeCounters;
  readonly #enterMs: number;

  constructor(parts: UsersParts) {
    const { store } = parts;
    this.#counters = parts.counters;
    this.#enterMs = parts.enterMs ?? ENTER_MS;
    this.#reader = new BatchReader({
      read: async (users) => store.terminations(users),
      isWanted: (user) => this.#users.has(user),
      onRead: (user, number, round) => this.#onRead(user, number, round),
      onFailed: (error) => parts.onFailed(error),
    });
  }

  /**
   * Resolves when the socket is one of the user's, who goes by the channel, which the bus has to
   * deliver already. Rejects with `Failure('unavailable')` when the store has not answered in time.
   */
  async enter(key: ChannelKey, socket: UserSocket): Promise<void> {
    const user = this.#users.get(key) ?? { sockets: new Map(), entering: new Set() };
    this.#users.set(key, user);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#giveUp(key, user, entering, ANSWERED_LATE),
        this.#enterMs,
      );
      const round = this.#reader.want(key);
      const entering: Entering = { socket, round, timer, resolve, reject, terminated: 0 };
      user.entering.add(entering);
    });
  }

  part(key: ChannelKey, socket: UserSocket): void {
    const user = this.#users.get(key);
    if (user?.sockets.delete(socket) !== true) throw new Error('the socket is not signed in');
    this.#counters.signedIn -= 1;
    this.#dropEmpty(key, user);
  }

  /** What the bus has for the edges that hold the user. */
  onControl(key: ChannelKey, text: string): void {
    const user = this.#users.get(key);
    const number = parseTermination(text);
    if (user === undefined || number === undefined) return;
    for (const entering of user.entering)
      entering.terminated = Math.max(entering.terminated, number);
    this.#terminate(user, number);
  }

  /** Messages of the bus may have been missed: asks for the terminations of everybody here. */
  recheck(): void {
    for (const key of this.#users.keys()) this.#reader.want(key);
  }

  stop(): void {
    this.#reader.stop();
    for (const [key, user] of this.#users)
      for (const entering of user.entering) this.#giveUp(key, user, entering, STOPPING);
  }

  #giveUp(key: ChannelKey, user: LocalUser, entering: Entering, failure: Failure): void {
    clearTimeout(entering.timer);
    user.entering.delete(entering);
    this.#dropEmpty(key, user);
    entering.reject(failure);
  }

  #onRead(key: ChannelKey, number: number, round: number): void {
    const user = this.#users.get(key);
    if (user === undefined) return;
    this.#terminate(user, number);
    for (const entering of user.entering) {
      if (entering.round > round) continue;
      const { socket, timer, terminated, resolve } = entering;
      user.entering.delete(entering);
      clearTimeout(timer);
      user.sockets.set(socket, number);
      this.#counters.signedIn += 1;
      resolve();
      // It was told after the store had answered: the sign-in came first.
      if (terminated > number) this.#end(socket);
    }
  }

  #terminate({ sockets }: LocalUser, number: number): void {
    for (const [socket, before] of sockets) if (before < number) this.#end(socket);
  }

  #end(socket: UserSocket): void {
    this.#counters.terminated += 1;
    socket.close(closeReasons.terminated);
  }

  #dropEmpty(key: ChannelKey, { sockets, entering }: LocalUser): void {
    if (sockets.size === 0 && entering.size === 0) this.#users.delete(key);
  }
}
