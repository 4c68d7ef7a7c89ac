import { appSchema, type App } from '@fanfare/core';

/** An app as its own backend knows it, and as the judge does. */
export interface FuzzApp {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
  /** Stands in whatever is sent for this app, and in nothing that is sent for another one. */
  readonly marker: string;
}

const named = (id: string, name: string): FuzzApp => ({
  id,
  key: `${name}-key`,
  // Whoever finds it in an answer has found it, and nobody else writes such a word.
  secret: `Secret-of-${name}-0123456789`,
  marker: `Q${name}Q`,
});

/** Three that are attacked and attack each other, and one that nobody speaks for. */
export const fuzzApps = {
  one: named('2001', 'one'),
  two: named('2002', 'two'),
  /** One of webman/push: names are almost free, and what goes to nobody goes to everybody. */
  free: named('2004', 'free'),
  calm: named('2003', 'calm'),
} as const;

export const attacked: readonly FuzzApp[] = [fuzzApps.one, fuzzApps.two, fuzzApps.free];

export const WEBMAN = { dialect: 'webman', broadcastEmptyChannel: true } as const;

export const everyApp: readonly FuzzApp[] = Object.values(fuzzApps);

/** The settings of an app as an `APPS_FILE` has them. */
export function appEntry(app: FuzzApp, more: object = {}): object {
  const { id, key, secret } = app;
  const limits = { maxClientEventsPerSecond: 1_000, maxPresenceMembers: 20 };
  const webhooks = [{ url: 'http://127.0.0.1:1/hook' }];
  const dialect = app === fuzzApps.free ? WEBMAN : {};
  // A calm one must not hear anything but what it waits for.
  const subscriptionCount = app !== fuzzApps.calm;
  const slowConsumers = app === fuzzApps.two ? 'latest' : 'close';
  return {
    id,
    keys: [{ key, secret }],
    limits,
    webhooks,
    subscriptionCount,
    slowConsumers,
    ...dialect,
    ...more,
  };
}

export function parsedApp(app: FuzzApp, more: object = {}): App {
  return appSchema.parse(appEntry(app, more));
}
