import { Failure, followApps, type AppSource, type AppSourceEvents } from '@fanfare/core';
import { CommandLink } from './command-link.ts';
import { connectOptions } from './connect-options.ts';
import { createBusCounters } from './counters.ts';
import { registryKeys } from './keys.ts';
import { Opening } from './opening.ts';
import type { RedisBusOptions } from './redis-bus.ts';
import { appStoreScripts, createRedisAppStore } from './redis-app-store.ts';
import { SubscriberLink } from './subscriber-link.ts';

/**
 * The apps in Redis as they are now. A change is told, and is looked for when the link comes back
 * and every few seconds: what is told is told once, and may be lost. Waits for Redis and rejects as
 * `openRedisBus` does; afterwards the apps known last stay in force while it is away.
 */
export async function openRedisApps(
  options: Omit<RedisBusOptions, 'counters'>,
  events: AppSourceEvents,
): Promise<AppSource> {
  const opening = new Opening();
  const shared = { ...connectOptions(options), counters: createBusCounters() };
  let closing: Promise<void> | undefined;
  let subscribed = false;

  const commands = new CommandLink(
    { ...shared, scripts: appStoreScripts },
    {
      onUp(up) {
        if (up) refresh();
      },
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const followed = followApps(createRedisAppStore(commands), events);
  const refresh = (): void => {
    if (closing !== undefined || !commands.up) return;
    followed.look().then(
      () => opening.settle(),
      (error: unknown) => {
        // It is looked at again when the link is back, or by the clock.
        if (!(error instanceof Failure)) throw error;
      },
    );
  };
  const listen = async (): Promise<void> => {
    const [error] = await subscriber.subscribe([[registryKeys.topic]]);
    subscribed = error === undefined;
    // What was told before is lost.
    if (subscribed) refresh();
  };
  const subscriber = new SubscriberLink(
    {
      ...shared,
      partition: registryKeys.partition,
      publish: async (topic, text) => commands.client.spublish(topic, text),
    },
    {
      onOpen: () => void listen(),
      onProven() {},
      onClose() {
        subscribed = false;
      },
      onTaken: () => void listen(),
      onMessage: refresh,
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const poll = setInterval(() => {
    if (subscriber.open && !subscribed) void listen();
    else refresh();
  }, shared.limits.appsPollMs);
  const close = async (): Promise<void> => {
    clearInterval(poll);
    closing ??= subscriber[Symbol.asyncDispose]().then(() => commands[Symbol.asyncDispose]());
    await closing;
  };

  await opening.wait(options.signal, close);
  return { ...followed.registry, refresh, [Symbol.asyncDispose]: close };
}
