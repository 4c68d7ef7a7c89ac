import { randomBytes } from 'node:crypto';
import { isFailure, type Failure, type RedisAddress } from '@fanfare/core';
import type { Redis } from 'ioredis';
import {
  asMisconfigured,
  createSubscriberClient,
  plainError,
  type ConnectOptions,
} from './connect.ts';
import { Connection } from './connection.ts';
import type { BusCounters } from './counters.ts';
import { probeTopic } from './keys.ts';

export interface SubscriberLinkOptions extends ConnectOptions {
  /** A partition of this link's master, for the topic by which the link probes itself. */
  readonly partition: number;
  readonly counters: BusCounters;
  /** Publishes by another connection; rejects when Redis did not take it. */
  readonly publish: (topic: string, text: string) => Promise<unknown>;
}

export interface SubscriberLinkEvents {
  /** A new connection, subscribed to nothing yet. */
  onOpen(): void;
  /** Something published after the link opened, or after `prove`, came through it. */
  onProven(): void;
  onClose(): void;
  /** Redis took topics away, without saying which: their slot has moved. */
  onTaken(): void;
  onMessage(topic: string, bytes: Buffer): void;
  /** The server answers, but cannot be used until someone corrects a setting. Tried again all the same. */
  onRefused(failure: Failure): void;
}

/**
 * The subscriber connection to one master, opened again whenever it is lost. A cluster has one link
 * for each master. TCP notices a dead peer after minutes, and a master that was replaced answers for
 * ever, so the link publishes to itself by way of the commands' connection and listens for it.
 */
export class SubscriberLink implements AsyncDisposable {
  readonly #options: SubscriberLinkOptions;
  readonly #events: SubscriberLinkEvents;
  readonly #probeTopic: string;
  readonly #connection: Connection;
  #proven = false;
  #watch: NodeJS.Timeout | undefined;
  #heard = false;
  #probes = 0;
  #unanswered = 0;
  /** The first probe whose answer proves the link. */
  #provingProbe = 0;
  #lastProblem = '';

  constructor(options: SubscriberLinkOptions, events: SubscriberLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#probeTopic = probeTopic(options.partition, randomBytes(9).toString('base64url'));
    this.#connection = new Connection(options, {
      create: (at) => this.#create(at),
      prepare: async (client) => void (await client.ssubscribe(this.#probeTopic)),
      onOpen: (client) => this.#opened(client),
      onClose: (reason) => this.#closed(reason),
      onProblem: (error) => this.#problem(error),
    });
  }

  get open(): boolean {
    return this.#connection.open;
  }

  get proven(): boolean {
    return this.#proven;
  }

  get #client(): Redis | undefined {
    return this.#connection.open ? this.#connection.client : undefined;
  }

  /** One command for each batch, all in one write; the topics of a batch share a partition. Resolves with an error or undefined for each. */
  async subscribe(
    batches: readonly (readonly string[])[],
  ): Promise<readonly (Error | undefined)[]> {
    const client = this.#client;
    if (client === undefined) return batches.map(() => new Error('the link is closed'));
    const pipeline = client.pipeline();
    for (const batch of batches) pipeline.ssubscribe(...batch);
    const results = await pipeline.exec();
    return batches.map((_, at) => results?.[at]?.[0] ?? undefined);
  }

  /** If the link breaks meanwhile, Redis has forgotten the topics anyway. */
  unsubscribe(batches: readonly (readonly string[])[]): void {
    const client = this.#client;
    if (client === undefined || batches.length === 0) return;
    const pipeline = client.pipeline();
    for (const batch of batches) pipeline.sunsubscribe(...batch);
    void pipeline.exec();
  }

  /** Asks for new proof that what is published comes through here. */
  prove(): void {
    this.#proven = false;
    this.#provingProbe = this.#probes + 1;
    this.#probe();
  }

  #create(at: RedisAddress): Redis {
    const client = createSubscriberClient(this.#options, at);
    client.on('moved', () => {
      if (this.#connection.isCurrent(client)) this.#events.onTaken();
    });
    client.on('smessageBuffer', (topic: Buffer, bytes: Buffer) => {
      if (this.#connection.isCurrent(client)) this.#receive(topic.toString(), bytes);
    });
    return client;
  }

  #opened(client: Redis): void {
    this.#heard = true;
    this.#lastProblem = '';
    this.#watch = setInterval(() => this.#check(client), this.#options.limits.probeMs);
    this.#events.onOpen();
    this.prove();
  }

  /** Runs inside the parsing of one read: whatever is done here is done for every message. */
  #receive(topic: string, bytes: Buffer): void {
    this.#heard = true;
    if (topic !== this.#probeTopic) {
      this.#events.onMessage(topic, bytes);
      return;
    }
    if (this.#proven || Number(bytes.toString('latin1')) < this.#provingProbe) return;
    this.#proven = true;
    this.#events.onProven();
  }

  #check(client: Redis): void {
    if (this.#heard) {
      this.#unanswered = 0;
      // Only now: a connection that Redis closes as soon as it is used must not be opened in a tight loop.
      this.#connection.settle();
    } else if (this.#unanswered >= 2) {
      this.#connection.drop('two probes were not answered');
      return;
    }
    this.#heard = false;
    void this.#sendProbe(client);
  }

  #probe(): void {
    if (this.#client !== undefined) void this.#sendProbe(this.#client);
  }

  /** Only a probe that Redis has taken counts: without the other connection, silence says nothing. */
  async #sendProbe(client: Redis): Promise<void> {
    this.#probes += 1;
    try {
      await this.#options.publish(this.#probeTopic, String(this.#probes));
    } catch {
      return; // The connection for commands tells its own trouble.
    }
    if (client === this.#client) this.#unanswered += 1;
  }

  #closed(reason: string): void {
    clearInterval(this.#watch);
    this.#proven = false;
    this.#unanswered = 0;
    const { counters, log } = this.#options;
    counters.subscriberLinkLost += 1;
    log.warn({ reason }, 'lost the subscriptions in Redis; subscribing again');
    this.#events.onClose();
  }

  #problem(error: unknown): void {
    const failure = isFailure(error, 'misconfigured') ? error : asMisconfigured(error);
    const { message } = failure ?? plainError(error);
    // The same trouble at every attempt is worth one line.
    if (message !== this.#lastProblem) {
      this.#lastProblem = message;
      this.#options.log.warn({ reason: message }, 'cannot subscribe in Redis');
    }
    if (failure !== undefined) this.#events.onRefused(failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    await this.#connection[Symbol.asyncDispose]();
  }
}
