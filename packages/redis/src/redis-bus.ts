import {
  decodeEnvelope,
  handOut,
  type Bus,
  type BusEvents,
  type EventCache,
  type Publisher,
} from '@fanfare/core';
import { CommandLink } from './command-link.ts';
import type { ConnectOptions, LinkLog } from './connect.ts';
import { connectOptions } from './connect-options.ts';
import { createBusCounters, type BusCounters } from './counters.ts';
import { topicOf } from './keys.ts';
import type { RedisLimits } from './limits.ts';
import { Opening } from './opening.ts';
import { recallScript, RedisEventCache } from './redis-event-cache.ts';
import { publishScript, RedisPublisher } from './redis-publisher.ts';
import type { Script } from './script.ts';
import { SubscriberManager } from './subscriber-manager.ts';

export interface RedisBusOptions {
  /** As `REDIS_URL` is written. */
  readonly url: string;
  /** Shown by `CLIENT LIST`: which process this is. */
  readonly connectionName: string;
  readonly log: LinkLog;
  /** Counted up as things happen, for whoever exports metrics. */
  readonly counters?: BusCounters;
  readonly limits?: Partial<RedisLimits>;
  /** Ends the wait for a Redis that is not there yet. */
  readonly signal?: AbortSignal;
}

/**
 * The bus of an edge, ready to use. A Redis that is not there is waited for, however long, so that
 * nothing depends on what starts first; rejects with `Failure('misconfigured')` when waiting cannot
 * help, and with `Failure('closed')` when `signal` ends the wait.
 */
export async function openRedisBus(options: RedisBusOptions, events: BusEvents): Promise<Bus> {
  const opening = new Opening();
  const shared = withDefaults(options);
  let opened = false;
  let closing: Promise<void> | undefined;
  let up = false;
  const evaluate = (): void => {
    const now = closing === undefined && commands.up && subscriber.up;
    if (now === up) return;
    up = now;
    if (opened) {
      if (closing === undefined) events.onUp(up);
      return;
    }
    opened = true;
    opening.settle();
  };

  const commands = new CommandLink(shared, {
    onUp(linkUp) {
      // While this link was down the other may have died unnoticed, so it has to prove itself.
      if (linkUp) subscriber.prove();
      evaluate();
      if (linkUp) publisher.resume();
    },
    onRefused: (failure) => opening.settle(failure),
  });
  const publisher = new RedisPublisher(commands, shared.limits, shared.counters);
  const cache = new RedisEventCache(commands, shared.limits);
  const subscriber = new SubscriberManager(
    {
      ...shared,
      topicOf,
      partition: 0,
      publish: async (topic, text) => commands.client.spublish(topic, text),
    },
    {
      onMessage(channel, bytes) {
        const envelope = decodeEnvelope(bytes);
        if (envelope === undefined) {
          shared.counters.foreign += 1;
          return;
        }
        shared.counters.received += 1;
        shared.counters.receivedBytes += envelope.frame.length;
        handOut(envelope, channel, events);
      },
      onChange: evaluate,
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const close = async (): Promise<void> => {
    cache.close();
    closing ??= Promise.all([
      publisher[Symbol.asyncDispose](),
      subscriber[Symbol.asyncDispose](),
    ]).then(() => commands[Symbol.asyncDispose]());
    await closing;
    up = false;
  };

  await opening.wait(options.signal, close);
  return {
    get up() {
      return up && closing === undefined;
    },
    publish: (messages) => publisher.publish(messages),
    subscribe: (channel) => subscriber.subscribe(channel),
    unsubscribe: (channel) => subscriber.unsubscribe(channel),
    recall: (channel, telling) => cache.recall(channel, telling),
    [Symbol.asyncDispose]: close,
  };
}

/** What an API node needs: it hears nothing, over one connection. Waits and rejects as `openRedisBus` does. */
export async function openRedisPublisher(
  options: RedisBusOptions,
): Promise<Publisher & EventCache & AsyncDisposable> {
  const opening = new Opening();
  const shared = withDefaults(options);
  const commands = new CommandLink(shared, {
    onUp(linkUp) {
      if (!linkUp) return;
      opening.settle();
      publisher.resume();
    },
    onRefused: (failure) => opening.settle(failure),
  });
  const publisher = new RedisPublisher(commands, shared.limits, shared.counters);
  const cache = new RedisEventCache(commands, shared.limits);
  const close = async (): Promise<void> => {
    cache.close();
    await publisher[Symbol.asyncDispose]();
    await commands[Symbol.asyncDispose]();
  };

  await opening.wait(options.signal, close);
  return {
    get up() {
      return publisher.up;
    },
    publish: (messages) => publisher.publish(messages),
    recall: (channel, telling) => cache.recall(channel, telling),
    [Symbol.asyncDispose]: close,
  };
}

interface Shared extends ConnectOptions {
  readonly counters: BusCounters;
  readonly scripts: readonly Script[];
}

function withDefaults(options: RedisBusOptions): Shared {
  const counters = options.counters ?? createBusCounters();
  return { ...connectOptions(options), counters, scripts: [publishScript, recallScript] };
}
