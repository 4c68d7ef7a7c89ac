import { isFailure, type Failure } from '@fanfare/core';
import type { Redis } from 'ioredis';
import {
  asMisconfigured,
  createCommandClient,
  plainError,
  type ConnectOptions,
} from './connect.ts';
import { Connection } from './connection.ts';
import type { BusCounters } from './counters.ts';
import { addressText } from './locator.ts';
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
  readonly #options: CommandLinkOptions;
  readonly #events: CommandLinkEvents;
  readonly #connection: Connection;
  #closing = false;
  #lastProblem = '';
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: CommandLinkOptions, events: CommandLinkEvents) {
    this.#options = options;
    this.#events = events;
    const { counters, limits, log, scripts } = options;
    this.#connection = new Connection(options, {
      create: (at) => createCommandClient(options, at),
      async prepare(client) {
        await checkServer(client);
        await Promise.all(scripts.map(({ text }) => client.script('LOAD', text)));
      },
      onOpen: (_client, at) => {
        this.#connection.settle();
        this.#lastProblem = '';
        log.info({ server: addressText(at) }, 'connected to Redis');
        events.onUp(true);
      },
      onClose(reason) {
        counters.commandLinkLost += 1;
        log.warn({ reason }, 'lost the connection to Redis; connecting again');
        events.onUp(false);
      },
      onProblem: (error) => this.#problem(error),
    });
    // A dead connection shows only when something waits for an answer, and an idle process has nothing that does.
    this.#heartbeat = setInterval(() => {
      if (this.up) this.client.ping().catch(ignore);
    }, limits.probeMs);
  }

  /** Another one for every connection. */
  get client(): Redis {
    return this.#connection.client;
  }

  get up(): boolean {
    return this.#connection.open && !this.#closing;
  }

  #problem(error: unknown): void {
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
    clearInterval(this.#heartbeat);
    await this.#connection[Symbol.asyncDispose]();
  }
}

/** For what the connection's own events tell as well. */
function ignore(): void {
  // Nothing to add.
}
