import { randomBytes } from 'node:crypto';
import { envelopeBody, Failure, isKept, type BusMessage, type Publisher } from '@fanfare/core';
import type { ChainableCommander } from 'ioredis';
import type { CommandLink } from './command-link.ts';
import { isReply, plainError } from './connect.ts';
import type { BusCounters } from './counters.ts';
import { cacheKey, historyKey, onceKey, topicOf } from './keys.ts';
import type { RedisLimits } from './limits.ts';
import { tagOf } from './partitions.ts';
import { isForgottenScript, readScript } from './script.ts';

export const publishScript = readScript('publish');

/** One call of publish, settled when all its messages are. */
interface Call {
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (failure: Failure) => void;
  unsettled: number;
  failure: Failure | undefined;
}

/** One message on its way. */
interface Pending {
  readonly message: BusMessage;
  readonly body: string;
  readonly call: Call;
  /** Its place among all that this process publishes. */
  readonly order: number;
  tries: number;
  /** An attempt was sent and its reply never came: Redis may have taken it. */
  perhapsTaken: boolean;
}

/**
 * Messages go out in the order they came, in one pipeline for all that one turn of the event loop
 * brought. Pipelines overlap, but once something has to be sent again nothing new goes out until
 * every reply is in: otherwise a later message would overtake the one that is repeated.
 */
export class RedisPublisher implements Publisher, AsyncDisposable {
  readonly #link: CommandLink;
  readonly #limits: RedisLimits;
  readonly #counters: BusCounters;
  readonly #epochs = new Epochs();
  /** Waiting to be sent, in order. */
  #queue: Pending[] = [];
  #orders = 0;
  /** Everything not settled yet, whether waiting or sent. */
  #messages = 0;
  #chars = 0;
  #pipelinesSent = 0;
  #repeating = false;
  #scriptForgotten = false;
  #flushScheduled = false;
  #expiry: NodeJS.Timeout | undefined;
  #closed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(link: CommandLink, limits: RedisLimits, counters: BusCounters) {
    this.#link = link;
    this.#limits = limits;
    this.#counters = counters;
    // Finds the tags of all partitions now, and not under the first message.
    tagOf(0);
  }

  get up(): boolean {
    return this.#closing === undefined && this.#link.up;
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.#closing !== undefined) throw new Failure('closed', 'the bus was closed');
    if (!this.#link.up) throw this.#refusal(messages, 'the link to Redis is down');
    if (messages.length === 0) return;
    const bodies = messages.map(({ id, except, frame, control }) =>
      envelopeBody(id, except, frame, control),
    );
    const chars = bodies.reduce((sum, body) => sum + body.length, 0);
    const { publishMessages, publishChars, publishMs } = this.#limits;
    if (this.#messages + messages.length > publishMessages || this.#chars + chars > publishChars)
      throw this.#refusal(messages, 'too many messages wait for Redis already');
    this.#messages += messages.length;
    this.#chars += chars;
    const deadlineMs = performance.now() + publishMs;
    await new Promise<void>((resolve, reject) => {
      const call = { deadlineMs, resolve, reject, unsettled: messages.length, failure: undefined };
      for (const [at, message] of messages.entries()) {
        const body = bodies[at] ?? '';
        this.#orders += 1;
        this.#queue.push({
          message,
          body,
          call,
          order: this.#orders,
          tries: 0,
          perhapsTaken: false,
        });
      }
      this.#schedule();
    });
  }

  /** The link came back: what may be repeated is. */
  resume(): void {
    this.#schedule();
  }

  #refusal(messages: readonly BusMessage[], sentence: string): Failure {
    this.#counters.publishFailures += messages.length;
    return new Failure('unavailable', sentence);
  }

  #schedule(): void {
    if (this.#flushScheduled || this.#queue.length === 0) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#pipelinesSent === 0) this.#repeating = false;
    if (this.#repeating || !this.#link.up) {
      this.#expireLater();
      return;
    }
    const batch = this.#queue.splice(0, this.#limits.pipelineMessages);
    if (batch.length > 0) void this.#send(batch);
    this.#schedule();
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    const pipeline = this.#link.client.pipeline();
    const loads = this.#scriptForgotten ? 1 : 0;
    if (this.#scriptForgotten) pipeline.script('LOAD', publishScript.text);
    this.#scriptForgotten = false;
    for (const pending of batch) {
      if (pending.tries > 0) this.#counters.publishRetries += 1;
      pending.tries += 1;
      this.#add(pipeline, pending);
    }
    this.#pipelinesSent += 1;
    // Never rejects: each command has a result of its own.
    const results = await pipeline.exec();
    this.#pipelinesSent -= 1;
    const failed = batch.filter((pending, at) => {
      const error = results?.[at + loads]?.[0];
      return this.#mustRepeat(pending, error ?? undefined);
    });
    if (failed.length > 0) {
      this.#repeating = true;
      this.#queue = [...failed, ...this.#queue].toSorted((a, b) => a.order - b.order);
    }
    this.#schedule();
  }

  #add(pipeline: ChainableCommander, { message, body, perhapsTaken }: Pending): void {
    const { channel, id, once, recorded } = message;
    const topic = topicOf(channel);
    if (!recorded && !once) {
      pipeline.spublish(topic, `0:0:${body}`);
      return;
    }
    const { historyMessages, historyMs, onceMs, cacheMs } = this.#limits;
    const kept = isKept(message);
    const keys = [historyKey(channel), topic];
    if (once) keys.push(onceKey(channel, id));
    if (kept) keys.push(cacheKey(channel));
    pipeline.evalsha(
      publishScript.digest,
      keys.length,
      ...keys,
      body,
      recorded ? historyMessages : 0,
      historyMs,
      this.#epochs.next(),
      perhapsTaken ? 1 : 0,
      once ? onceMs : 0,
      kept ? cacheMs : 0,
    );
  }

  /** Settles the message unless it is to be sent again. */
  #mustRepeat(pending: Pending, error: Error | undefined): boolean {
    const { message, call } = pending;
    if (error === undefined) {
      this.#counters.published += 1;
      this.#counters.publishedBytes += Buffer.byteLength(message.frame);
      this.#settle(pending, undefined);
      return false;
    }
    const forgotten = isForgottenScript(error);
    // Redis can tell a second attempt from a new message only by what it has kept of the first; that
    // is short enough that more than a history's length in between would hide it.
    const recognisable = message.recorded || message.once;
    const inTime = pending.tries < this.#limits.publishTries && performance.now() < call.deadlineMs;
    if (!inTime || !recognisable || (isReply(error) && !forgotten)) {
      this.#settle(pending, plainError(error));
      return false;
    }
    if (forgotten) this.#scriptForgotten = true;
    else pending.perhapsTaken = true;
    return true;
  }

  #settle({ body, call }: Pending, error: Error | undefined): void {
    this.#messages -= 1;
    this.#chars -= body.length;
    if (error !== undefined) {
      this.#counters.publishFailures += 1;
      call.failure ??= new Failure('unavailable', 'Redis did not take a message', { cause: error });
    }
    call.unsettled -= 1;
    if (call.unsettled > 0) return;
    if (call.failure === undefined) call.resolve();
    else call.reject(call.failure);
    if (this.#messages === 0) this.#closed?.();
  }

  /** What waits for the link longer than its call may last fails, and is not sent late. */
  #expireLater(): void {
    const first = this.#queue[0];
    if (this.#expiry !== undefined || first === undefined) return;
    const waitMs = Math.ceil(Math.max(first.call.deadlineMs - performance.now(), 0)) + 1;
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      const now = performance.now();
      const late = this.#queue.filter(({ call }) => call.deadlineMs <= now);
      this.#queue = this.#queue.filter(({ call }) => call.deadlineMs > now);
      for (const pending of late) this.#settle(pending, new Error('no link to Redis in time'));
      this.#flush();
    }, waitMs);
  }

  /** Waits for what is in flight, which the deadlines bound; the link is its owner's to close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#messages === 0) resolve();
      else this.#closed = resolve;
    });
    await this.#closing;
  }
}

/** Names for new epochs: one that came twice would hide a gap. */
class Epochs {
  readonly #process = randomBytes(6).toString('base64url');
  #count = 0;

  next(): string {
    this.#count += 1;
    return `${this.#process}.${this.#count.toString(36)}`;
  }
}
