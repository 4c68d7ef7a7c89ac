import { Failure } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import { plainError } from './connect.ts';
import { partitionOf } from './partitions.ts';
import { SubscriberLink, type SubscriberLinkOptions } from './subscriber-link.ts';
import { TopicQueue, type Topic } from './topic-queue.ts';

export interface SubscriberManagerOptions extends SubscriberLinkOptions {
  /** Which topic of a channel is meant: each has several. */
  readonly topicOf: (channel: ChannelKey) => string;
}

export interface SubscriberManagerEvents {
  /** Of a topic that is wanted. `bytes` is reused: consume it before returning. */
  onMessage(channel: ChannelKey, bytes: Buffer): void;
  /** `up` may have changed. */
  onChange(): void;
  onRefused(failure: Failure): void;
}

/**
 * The topics of one subscriber link: which are wanted, which Redis has confirmed, and which only
 * linger. New ones are asked for in batches, all of them again when the connection was lost. A
 * cluster has one manager for each master and moves topics between them.
 */
export class SubscriberManager implements AsyncDisposable {
  readonly #options: SubscriberManagerOptions;
  readonly #events: SubscriberManagerEvents;
  readonly #link: SubscriberLink;
  readonly #topics = new Map<string, Topic>();
  readonly #toAsk = new TopicQueue();
  /** In the order in which their time runs out. */
  readonly #lingering = new Set<Topic>();
  readonly #awaited = new Set<Topic>();
  /** Names that Redis has been asked for on this connection and not confirmed yet. */
  #asked = 0;
  #missed = 0;
  /** Tells the answers of the present connection from those of one that was lost. */
  #connection = 0;
  /** Calls off the next round of asking, if one is due. */
  #cancelAsking: (() => void) | undefined;
  #refusedTopics: Topic[] = [];
  #afterRefusal: NodeJS.Timeout | undefined;
  #taken: NodeJS.Timeout | undefined;
  #lastRefusal = '';
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;

  constructor(options: SubscriberManagerOptions, events: SubscriberManagerEvents) {
    this.#options = options;
    this.#events = events;
    this.#sweeping = setInterval(() => this.#sweep(), options.limits.sweepMs);
    this.#link = new SubscriberLink(options, {
      onOpen: () => this.#ask(),
      onProven: () => events.onChange(),
      onClose: () => this.#lost(),
      onTaken: () => this.#takenAway(),
      onMessage: (topic, bytes) => this.#receive(topic, bytes),
      onRefused: (failure) => events.onRefused(failure),
    });
  }

  /** Every topic that was live before is live now, and messages come through. */
  get up(): boolean {
    return this.#link.proven && this.#missed === 0 && this.#taken === undefined;
  }

  prove(): void {
    this.#link.prove();
  }

  async subscribe(channel: ChannelKey): Promise<void> {
    if (this.#closed) throw new Failure('closed', 'the bus was closed');
    const name = this.#options.topicOf(channel);
    const topic = this.#topics.get(name) ?? this.#add(name, channel);
    topic.wanted = true;
    this.#lingering.delete(topic);
    this.#count();
    if (topic.phase === 'live' && this.#taken === undefined) {
      topic.held = true;
      return;
    }
    const deadlineMs = performance.now() + this.#options.limits.subscribeMs;
    await new Promise<void>((resolve, reject) => {
      topic.waiters = [...topic.waiters, { deadlineMs, resolve, reject }];
      this.#awaited.add(topic);
    });
  }

  unsubscribe(channel: ChannelKey): void {
    const topic = this.#topics.get(this.#options.topicOf(channel));
    if (topic !== undefined && topic.wanted) this.#linger(topic);
  }

  #add(name: string, channel: ChannelKey): Topic {
    const topic: Topic = {
      name,
      channel,
      partition: partitionOf(channel),
      wanted: true,
      held: false,
      phase: 'waiting',
      missed: false,
      waiters: [],
      lingersUntilMs: 0,
    };
    this.#topics.set(name, topic);
    this.#toAsk.add(topic);
    this.#askSoon();
    return topic;
  }

  #linger(topic: Topic): void {
    topic.wanted = false;
    topic.held = false;
    topic.lingersUntilMs = performance.now() + this.#options.limits.lingerMs;
    this.#lingering.add(topic);
    this.#count();
  }

  #receive(name: string, bytes: Buffer): void {
    const topic = this.#topics.get(name);
    if (topic === undefined || !topic.wanted) return;
    this.#events.onMessage(topic.channel, bytes);
  }

  /** Sends what one turn of the event loop may hold, and leaves the rest for the next turns or answers. */
  #ask(): void {
    this.#cancelAsking?.();
    this.#cancelAsking = undefined;
    if (!this.#link.open) return;
    const { topicsAsked, topicsPerCommand, topicsPerTurn } = this.#options.limits;
    const room = Math.min(topicsPerTurn, topicsAsked - this.#asked);
    const batches: (readonly Topic[])[] = [];
    for (let names = 0; names < room && !this.#toAsk.empty;) {
      const batch = this.#toAsk.take(Math.min(topicsPerCommand, room - names));
      for (const topic of batch) topic.phase = 'asked';
      names += batch.length;
      batches.push(batch);
    }
    if (batches.length > 0) void this.#subscribe(batches);
    this.#askRest();
  }

  #askSoon(): void {
    if (this.#cancelAsking !== undefined) return;
    const timer = setTimeout(() => this.#ask(), this.#options.limits.batchMs);
    this.#cancelAsking = () => clearTimeout(timer);
  }

  #askRest(): void {
    if (this.#cancelAsking !== undefined || this.#toAsk.empty) return;
    if (this.#asked >= this.#options.limits.topicsAsked) return;
    const immediate = setImmediate(() => this.#ask());
    this.#cancelAsking = () => clearImmediate(immediate);
  }

  async #subscribe(batches: readonly (readonly Topic[])[]): Promise<void> {
    const connection = this.#connection;
    this.#asked += batches.reduce((sum, batch) => sum + batch.length, 0);
    const errors = await this.#link.subscribe(batches.map((batch) => batch.map(nameOf)));
    // Of a lost connection: all its topics are queued again already.
    if (connection !== this.#connection || this.#closed) return;
    for (const [at, batch] of batches.entries()) {
      this.#asked -= batch.length;
      const error = errors[at];
      if (error === undefined) for (const topic of batch) this.#confirmed(topic);
      else this.#refused(batch, error);
    }
    this.#askRest();
    this.#events.onChange();
  }

  #confirmed(topic: Topic): void {
    if (topic.phase !== 'asked') return;
    topic.phase = 'live';
    topic.held = topic.wanted;
    this.#noLongerMissed(topic);
    for (const waiter of topic.waiters) waiter.resolve();
    topic.waiters = [];
    this.#awaited.delete(topic);
  }

  /** The slot is on the move, or the user lacks a permission: asked for again until the waiters give up. */
  #refused(batch: readonly Topic[], error: Error): void {
    const { message } = plainError(error);
    if (message !== this.#lastRefusal)
      this.#options.log.warn({ reason: message }, 'Redis refused a subscription; asking again');
    this.#lastRefusal = message;
    for (const topic of batch) topic.phase = 'waiting';
    this.#refusedTopics.push(...batch);
    this.#afterRefusal ??= setTimeout(() => {
      this.#afterRefusal = undefined;
      const topics = this.#refusedTopics;
      this.#refusedTopics = [];
      for (const topic of topics) {
        const known = this.#topics.get(topic.name) === topic;
        if (known && topic.phase === 'waiting') this.#toAsk.add(topic);
      }
      this.#ask();
    }, this.#options.limits.refusedMs);
  }

  #lost(): void {
    this.#connection += 1;
    this.#asked = 0;
    clearTimeout(this.#taken);
    this.#taken = undefined;
    for (const topic of this.#topics.values()) {
      if (topic.wanted || topic.waiters.length > 0) this.#queueAgain(topic);
      else this.#forget(topic);
    }
    this.#count();
    this.#events.onChange();
  }

  /** One notice comes for each topic of a slot, so the answer waits until they are all in. */
  #takenAway(): void {
    this.#taken ??= setTimeout(() => {
      this.#taken = undefined;
      // Those that linger too: one of them may be wanted again without a new command.
      for (const topic of this.#topics.values())
        if (topic.phase === 'live') this.#queueAgain(topic);
      this.#ask();
      this.#events.onChange();
    }, this.#options.limits.refusedMs);
    this.#events.onChange();
  }

  #queueAgain(topic: Topic): void {
    if (topic.phase === 'live' && !topic.missed) {
      topic.missed = true;
      this.#missed += 1;
    }
    topic.phase = 'waiting';
    this.#toAsk.add(topic);
  }

  #noLongerMissed(topic: Topic): void {
    if (!topic.missed) return;
    topic.missed = false;
    this.#missed -= 1;
  }

  #forget(topic: Topic): void {
    this.#noLongerMissed(topic);
    this.#toAsk.delete(topic);
    this.#lingering.delete(topic);
    this.#topics.delete(topic.name);
  }

  #sweep(): void {
    const now = performance.now();
    this.#giveUpWaiting(now);
    const { topicsPerCommand, topicsPerSweep } = this.#options.limits;
    const leaving = new TopicQueue();
    let swept = 0;
    for (const topic of this.#lingering) {
      if (topic.lingersUntilMs > now || swept === topicsPerSweep) break;
      // Its answer is on the way, or someone still waits for it: the next sweep.
      if (topic.phase === 'asked' || topic.waiters.length > 0) continue;
      swept += 1;
      if (topic.phase === 'live') leaving.add(topic);
      this.#forget(topic);
    }
    const batches: (readonly string[])[] = [];
    while (!leaving.empty) batches.push(leaving.take(topicsPerCommand).map(nameOf));
    this.#link.unsubscribe(batches);
    this.#count();
    if (swept > 0) this.#events.onChange();
  }

  #giveUpWaiting(now: number): void {
    for (const topic of this.#awaited) {
      for (const { deadlineMs, reject } of topic.waiters)
        if (deadlineMs <= now) reject(new Failure('unavailable', 'Redis did not confirm in time'));
      topic.waiters = topic.waiters.filter(({ deadlineMs }) => deadlineMs > now);
      if (topic.waiters.length > 0) continue;
      this.#awaited.delete(topic);
      // Nobody believes to be subscribed; whoever was told so before the link broke still is.
      if (topic.wanted && !topic.held) this.#linger(topic);
    }
  }

  #count(): void {
    this.#options.counters.topics = this.#topics.size - this.#lingering.size;
    this.#options.counters.topicsLingering = this.#lingering.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeping);
    clearTimeout(this.#taken);
    clearTimeout(this.#afterRefusal);
    this.#cancelAsking?.();
    for (const topic of this.#awaited)
      for (const { reject } of topic.waiters) reject(new Failure('closed', 'the bus was closed'));
    this.#awaited.clear();
    this.#topics.clear();
    await this.#link[Symbol.asyncDispose]();
  }
}

function nameOf({ name }: Topic): string {
  return name;
}
