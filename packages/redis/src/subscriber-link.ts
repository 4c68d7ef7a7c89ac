import { randomBytes } from 'node:crypto';
import type { Failure } from '@fanfare/core';
import type { Redis } from 'ioredis';
import {
  asMisconfigured,
  backoffMs,
  closeClient,
  createSubscriberClient,
  dropClient,
  plainError,
  type ConnectOptions,
} from './connect.ts';
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
  /** The connection in use or being opened; what others still say is ignored. */
  #client: Redis | undefined;
  #open = false;
  #proven = false;
  #attempts = 0;
  #reopening: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #heard = false;
  #probes = 0;
  #unanswered = 0;
  /** The first probe whose answer proves the link. */
  #provingProbe = 0;
  #closing = false;
  #lastProblem = '';

  constructor(options: SubscriberLinkOptions, events: SubscriberLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#probeTopic = probeTopic(options.partition, randomBytes(9).toString('base64url'));
    this.#connect();
  }

  get open(): boolean {
    return this.#open;
  }

  get proven(): boolean {
    return this.#proven;
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

  #connect(): void {
    this.#reopening = undefined;
    const client = createSubscriberClient(this.#options);
    this.#client = client;
    client.on('error', (error) => this.#problem(client, error));
    client.on('close', () => this.#lost(client, 'the connection was closed'));
    client.on('moved', () => {
      if (client === this.#client) this.#events.onTaken();
    });
    client.on('smessageBuffer', (topic: Buffer, bytes: Buffer) => {
      if (client === this.#client) this.#receive(topic.toString(), bytes);
    });
    const tooLong = setTimeout(
      () => this.#lost(client, 'no answer to the handshake'),
      this.#options.limits.handshakeMs,
    );
    void this.#handshake(client).finally(() => clearTimeout(tooLong));
  }

  async #handshake(client: Redis): Promise<void> {
    try {
      await client.connect();
      await client.ssubscribe(this.#probeTopic);
    } catch (error) {
      this.#problem(client, error);
      this.#lost(client, 'the handshake failed');
      return;
    }
    if (client !== this.#client) return;
    this.#open = true;
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
      this.#attempts = 0;
    } else if (this.#unanswered >= 2) {
      this.#lost(client, 'two probes were not answered');
      return;
    }
    this.#heard = false;
    this.#probe();
  }

  #probe(): void {
    if (this.#open && this.#client !== undefined) void this.#sendProbe(this.#client);
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

  #lost(client: Redis, reason: string): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    clearInterval(this.#watch);
    dropClient(client);
    const { counters, limits, log } = this.#options;
    if (!this.#closing) {
      const waitMs = backoffMs(limits, this.#attempts);
      this.#attempts += 1;
      this.#reopening = setTimeout(() => this.#connect(), waitMs);
    }
    if (!this.#open) return;
    this.#open = false;
    this.#proven = false;
    this.#unanswered = 0;
    counters.subscriberLinkLost += 1;
    log.warn({ reason }, 'lost the subscriptions in Redis; subscribing again');
    this.#events.onClose();
  }

  #problem(client: Redis, error: unknown): void {
    if (client !== this.#client || this.#closing) return;
    const failure = asMisconfigured(error);
    const { message } = failure ?? plainError(error);
    // The same trouble at every attempt is worth one line.
    if (message !== this.#lastProblem) {
      this.#lastProblem = message;
      this.#options.log.warn({ reason: message }, 'cannot subscribe in Redis');
    }
    if (failure !== undefined) this.#events.onRefused(failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#open = false;
    clearTimeout(this.#reopening);
    clearInterval(this.#watch);
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await closeClient(client);
  }
}
