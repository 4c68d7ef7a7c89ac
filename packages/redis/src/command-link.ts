import { isFailure, type Failure } from '@fanfare/core';
import type { Redis } from 'ioredis';
import {
  asMisconfigured,
  backoffMs,
  closeClient,
  createCommandClient,
  plainError,
  type ConnectOptions,
} from './connect.ts';
import type { BusCounters } from './counters.ts';
import type { Script } from './script.ts';
import { checkServer } from './server-check.ts';

export interface CommandLinkOptions extends ConnectOptions {
  /** Loaded on every connection before the link counts as up. */
  readonly scripts: readonly Script[];
  readonly counters: BusCounters;
}

export interface CommandLinkEvents {
  onUp(up: boolean): void;
  /** The server answers, but cannot be used until someone corrects a setting. Tried again all the same. */
  onRefused(failure: Failure): void;
}

/** The connection for commands: up only while the server has been checked and knows our scripts. */
export class CommandLink implements AsyncDisposable {
  readonly client: Redis;
  readonly #options: CommandLinkOptions;
  readonly #events: CommandLinkEvents;
  #up = false;
  #attempts = 0;
  #closing = false;
  #lastProblem = '';
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: CommandLinkOptions, events: CommandLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.client = createCommandClient(options, () => {
      this.#attempts += 1;
      return backoffMs(options.limits, this.#attempts - 1);
    });
    this.client.on('ready', () => void this.#prepare());
    this.client.on('close', () => this.#setUp(false));
    this.client.on('error', (error) => this.#problem(error));
    this.client.connect().catch(ignore);
    // A dead connection shows only when something waits for an answer, and an idle process has nothing that does.
    this.#heartbeat = setInterval(() => {
      if (this.#up) this.client.ping().catch(ignore);
    }, options.limits.probeMs);
  }

  get up(): boolean {
    return this.#up;
  }

  async #prepare(): Promise<void> {
    const { client } = this;
    try {
      await checkServer(client);
      await Promise.all(this.#options.scripts.map(({ text }) => client.script('LOAD', text)));
    } catch (error) {
      this.#problem(error);
      // Not if the connection broke meanwhile: the next one is on its way already.
      if (client.status === 'ready') client.disconnect(true);
      return;
    }
    if (client.status === 'ready') this.#setUp(true);
  }

  #setUp(up: boolean): void {
    if (this.#up === up || this.#closing) return;
    this.#up = up;
    const { counters, log } = this.#options;
    if (up) {
      this.#attempts = 0;
      this.#lastProblem = '';
      log.info({}, 'connected to Redis');
    } else {
      counters.commandLinkLost += 1;
      log.warn({}, 'lost the connection to Redis; connecting again');
    }
    this.#events.onUp(up);
  }

  #problem(error: unknown): void {
    if (this.#closing) return;
    const failure = isFailure(error, 'misconfigured') ? error : asMisconfigured(error);
    const { message } = failure ?? plainError(error);
    // The same trouble at every attempt is worth one line.
    if (message !== this.#lastProblem) {
      this.#lastProblem = message;
      if (failure === undefined) this.#options.log.warn({ reason: message }, 'Redis is away');
      else this.#options.log.error({ reason: message }, 'Redis cannot be used');
    }
    if (failure !== undefined) this.#events.onRefused(failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#up = false;
    clearInterval(this.#heartbeat);
    await closeClient(this.client);
  }
}

/** For what the client's own events tell as well. */
function ignore(): void {
  // Nothing to add.
}
