import type { RedisAddress } from '@fanfare/core';
import type { Redis } from 'ioredis';
import {
  backoffMs,
  closeClient,
  createClosedClient,
  dropClient,
  type ConnectOptions,
} from './connect.ts';
import { addressText, isSameAddress } from './locator.ts';

export interface ConnectionEvents {
  /** A client for the server, not yet connected. */
  create(at: RedisAddress): Redis;
  /** What has to be done on every connection before it is used; it rejects to have it dropped. */
  prepare(client: Redis): Promise<void>;
  onOpen(client: Redis, at: RedisAddress): void;
  /** Of a connection that was open. */
  onClose(reason: string): void;
  /** Any trouble of the connection in use or being opened. */
  onProblem(error: unknown): void;
}

/** A connection in use or being opened, and what of it there is so far. */
interface Attempt {
  at?: RedisAddress;
  client?: Redis;
}

/**
 * One connection after the other. Each goes to the server that the locator names then; one to a
 * server that is none any more is dropped, and the next one opened at once.
 */
export class Connection implements AsyncDisposable {
  readonly #options: ConnectOptions;
  readonly #events: ConnectionEvents;
  readonly #unwatch: () => void;
  #attempt: Attempt | undefined;
  #client: Redis = createClosedClient();
  #open = false;
  #attempts = 0;
  #reopening: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: ConnectOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#unwatch = options.locator.watch((at) => this.#moved(at));
    void this.#connect();
  }

  /** Of a connection that is gone unless one is open: every command fails then. */
  get client(): Redis {
    return this.#client;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Not of a connection that was given up. */
  isCurrent(client: Redis): boolean {
    return this.#attempt?.client === client;
  }

  /** It has proved to be good, so that the next one need not be waited for as long as after a failure. */
  settle(): void {
    this.#attempts = 0;
  }

  drop(reason: string): void {
    if (this.#attempt !== undefined) this.#lost(this.#attempt, reason);
  }

  async #connect(): Promise<void> {
    this.#reopening = undefined;
    const attempt: Attempt = {};
    this.#attempt = attempt;
    const tooLong = setTimeout(
      () => this.#lost(attempt, 'no answer to the handshake'),
      this.#options.limits.handshakeMs,
    );
    try {
      await this.#handshake(attempt);
    } catch (error) {
      this.#problem(attempt, error);
      this.#lost(attempt, 'the handshake failed');
    } finally {
      clearTimeout(tooLong);
    }
  }

  async #handshake(attempt: Attempt): Promise<void> {
    const { locator } = this.#options;
    const at = await locator.locate();
    if (attempt !== this.#attempt) return;
    const client = this.#events.create(at);
    attempt.at = at;
    attempt.client = client;
    client.on('error', (error) => this.#problem(attempt, error));
    client.on('close', () => this.#lost(attempt, 'the connection was closed'));
    await client.connect();
    if (locator.mastersOnly) await requireMaster(client, at);
    await this.#events.prepare(client);
    if (attempt !== this.#attempt) return;
    this.#client = client;
    this.#open = true;
    this.#events.onOpen(client, at);
  }

  #moved(to: RedisAddress): void {
    const attempt = this.#attempt;
    if (this.#reopening !== undefined) {
      clearTimeout(this.#reopening);
      void this.#connect();
    } else if (attempt?.at !== undefined && !isSameAddress(attempt.at, to)) {
      this.settle();
      this.#lost(attempt, `the master is ${addressText(to)} now`);
    }
  }

  #lost(attempt: Attempt, reason: string): void {
    if (attempt !== this.#attempt) return;
    this.#attempt = undefined;
    if (attempt.client !== undefined) dropClient(attempt.client);
    if (!this.#closing) {
      const waitMs = backoffMs(this.#options.limits, this.#attempts);
      this.#attempts += 1;
      this.#reopening = setTimeout(() => void this.#connect(), waitMs);
    }
    if (!this.#open) return;
    this.#open = false;
    if (!this.#closing) this.#events.onClose(reason);
  }

  #problem(attempt: Attempt, error: unknown): void {
    if (attempt === this.#attempt && !this.#closing) this.#events.onProblem(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#open = false;
    this.#unwatch();
    clearTimeout(this.#reopening);
    const client = this.#attempt?.client;
    this.#attempt = undefined;
    if (client !== undefined) await closeClient(client);
  }
}

/** Sentinels name the new master a moment before or after it is one. */
async function requireMaster(client: Redis, at: RedisAddress): Promise<void> {
  const role = /^role:(\w+)/m.exec(await client.info('replication'))?.[1];
  if (role !== 'master')
    throw new Error(`${addressText(at)} is ${role ?? 'nothing known'} and no master`);
}
