import type { RosterFeed, RosterFeedEvents } from '@fanfare/core';
import { CommandLink } from './command-link.ts';
import { connectOptions } from './connect-options.ts';
import { createBusCounters } from './counters.ts';
import { rosterTopic } from './keys.ts';
import { Opening } from './opening.ts';
import type { RedisBusOptions } from './redis-bus.ts';
import { decodeCount, decodeRosterChange } from './roster-change.ts';
import { SubscriberManager } from './subscriber-manager.ts';

/**
 * The roster feed of an edge, ready to use, over connections of its own to the Redis of the state.
 * Waits and rejects as `openRedisBus` does. Whenever the link comes back, and whenever a message
 * cannot be read, the gap is told after all topics are live again.
 */
export async function openRedisRosterFeed(
  options: Omit<RedisBusOptions, 'counters'>,
  events: RosterFeedEvents,
): Promise<RosterFeed> {
  const opening = new Opening();
  // Its own: those of the bus say how many channels are listened to.
  const counters = createBusCounters();
  const shared = { ...connectOptions(options), counters, scripts: [] };
  let opened = false;
  let up = false;
  let closing: Promise<void> | undefined;
  const evaluate = (): void => {
    const now = closing === undefined && commands.up && subscriber.up;
    if (now === up) return;
    up = now;
    if (!up) return;
    if (opened) events.onGap(undefined);
    opened = true;
    opening.settle();
  };

  // Only carries the probes by which the subscriber link knows that it is alive.
  const commands = new CommandLink(shared, {
    onUp(linkUp) {
      if (linkUp) subscriber.prove();
      evaluate();
    },
    onRefused: (failure) => opening.settle(failure),
  });
  const subscriber = new SubscriberManager(
    {
      ...shared,
      topicOf: rosterTopic,
      partition: 0,
      publish: async (topic, text) => commands.client.spublish(topic, text),
    },
    {
      onMessage(channel, bytes) {
        const change = decodeRosterChange(bytes);
        if (change !== undefined) {
          events.onChange(channel, change);
          return;
        }
        const count = decodeCount(bytes);
        if (count !== undefined) {
          events.onCount(channel, count);
          return;
        }
        counters.foreign += 1;
        events.onGap(channel);
      },
      onChange: evaluate,
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const close = async (): Promise<void> => {
    closing ??= subscriber[Symbol.asyncDispose]().then(() => commands[Symbol.asyncDispose]());
    await closing;
  };

  await opening.wait(options.signal, close);
  return {
    subscribe: async (channel) => subscriber.subscribe(channel),
    unsubscribe: (channel) => subscriber.unsubscribe(channel),
    [Symbol.asyncDispose]: close,
  };
}
