import { randomUUID } from 'node:crypto';
import { createApi, startApiServer, type ApiEvents } from '@fanfare/api';
import {
  createMemoryAppRegistry,
  createMemoryLimits,
  createMemoryNetwork,
  createMemoryRosterFeeds,
  createMemoryState,
  outboxLimits,
  stateTiming,
  type App,
  type MemoryState,
} from '@fanfare/core';
import { startTestEdge, type EdgeUnderTest } from '../../packages/edge/test/edge-under-test.ts';
import type { Chance } from '../support/seeded.ts';
import { attacked, everyApp, fuzzApps, parsedApp, WEBMAN, type FuzzApp } from './apps.ts';
import type { Target } from './attack.ts';

/** A cluster in this process: two edges and an API node over the backend in memory. */
export interface World extends AsyncDisposable {
  readonly target: Target;
  readonly edges: readonly EdgeUnderTest[];
  readonly state: MemoryState;
  /** What nothing expected, in whatever part. */
  defects(): readonly unknown[];
  /** From now on the attacked apps have other settings, or are off or gone. */
  changeApps(chance: Chance): void;
  /** As they were. */
  restoreApps(): void;
}

const WEBHOOK_EVENTS = 500;
const DRAIN_MS = 20;

export async function openWorld(): Promise<World> {
  const network = createMemoryNetwork();
  const feeds = createMemoryRosterFeeds();
  const state = createMemoryState({
    // What is gone is told at once, so that nothing is kept to be told.
    timing: { ...stateTiming, graceMs: 0, downDelayMs: 0 },
    limits: { ...outboxLimits, unroutedEvents: WEBHOOK_EVENTS },
    nowMs: Date.now,
    newEpoch: randomUUID,
    rosterChanged: feeds.rosterChanged,
    countTold: feeds.countTold,
  });
  const calm = parsedApp(fuzzApps.calm);
  const usual = everyApp.map((each) => parsedApp(each));
  const registry = createMemoryAppRegistry(usual);
  const defects: unknown[] = [];
  const setup = {
    network,
    state: {
      store: state,
      openFeed: async (events: Parameters<typeof feeds.open>[0]) => feeds.open(events),
    },
    apps: registry,
    // Who only listens is asked for a sign of life, and closed without one.
    edge: { watchlistTimes: { offlineMs: 30, tickMs: 5 }, pingSeconds: 1, pongSeconds: 3 },
    listener: { maxBackpressureBytes: 65_536 },
    events: { subscribeFailed: (error: unknown) => defects.push(error), closing() {} },
  };
  const edges = [await startTestEdge(setup), await startTestEdge(setup)];
  const bus = network.open({ onMessage() {}, onUp() {} });
  const events: ApiEvents = { ...SILENT, defect: (error) => defects.push(error) };
  const app = createApi({
    apps: registry,
    publisher: bus,
    cache: bus,
    state,
    limits: createMemoryLimits(),
    events,
    nowMs: Date.now,
    newId: randomUUID,
  });
  const api = await startApiServer({ host: '127.0.0.1', port: 0, app, events });
  const worker = drainOutbox(state);
  return {
    target: { edges: edges.map(({ edge }) => edge.port), api: api.port },
    edges,
    state,
    defects: () => [...defects, ...edges.flatMap((edge) => edge.defects)],
    changeApps(chance) {
      const isOff = chance.below(25) === 0;
      const changed = attacked.flatMap((each) => chance.of(isOff ? OFF : ON)(each));
      registry.replace([...changed, calm]);
      // Nobody could attack for longer.
      if (isOff) setTimeout(() => registry.replace(usual), OFF_MS);
    },
    restoreApps: () => registry.replace(usual),
    async [Symbol.asyncDispose]() {
      clearInterval(worker);
      await api[Symbol.asyncDispose]();
      for (const edge of edges) await edge[Symbol.asyncDispose]();
    },
  };
}

type Variant = (app: FuzzApp) => readonly App[];

const QUICK = { authorizationTimeoutSeconds: 1 };
const FEW = {
  maxConnections: 3,
  maxChannelsPerConnection: 2,
  maxPresenceMembers: 1,
  maxClientEventsPerSecond: 1,
  maxChannelsPerTrigger: 1,
  maxEventsPerBatch: 1,
  maxTriggersPerSecond: 5,
  maxReadsPerSecond: 5,
};
const SHORT = {
  maxChannelNameChars: 12,
  maxEventNameChars: 8,
  maxEventBytes: 10,
  maxPresenceUserInfoBytes: 10,
};

const ON: readonly Variant[] = [
  (app) => [parsedApp(app)],
  (app) => [parsedApp(app, { watchlist: false })],
  (app) => [parsedApp(app, WEBMAN)],
  (app) => [parsedApp(app, { dialect: 'pusher', broadcastEmptyChannel: false })],
  (app) => [parsedApp(app, { clientEvents: false, subscriptionErrors: false })],
  (app) => [parsedApp(app, { subscriptionCount: false })],
  (app) => [parsedApp(app, { subscriptionCountOnEncrypted: true })],
  (app) => [parsedApp(app, { authorizedConnections: true, limits: QUICK })],
  (app) => [parsedApp(app, { slowConsumers: 'latest' })],
  (app) => [parsedApp(app, { slowConsumers: 'close' })],
  (app) => [parsedApp(app, { limits: FEW })],
  (app) => [parsedApp(app, { webhooks: [], limits: SHORT })],
];
const OFF: readonly Variant[] = [
  (app) => [parsedApp(app)],
  (app) => [parsedApp(app, { enabled: false })],
  (app) => [parsedApp(app, { allowedOrigins: ['https://example.com'] })],
  () => [],
];
const OFF_MS = 5;

const SILENT: ApiEvents = {
  listening() {},
  answered() {},
  published() {},
  terminated() {},
  unavailable() {},
  stopping() {},
  defect() {},
};

/** As a worker would for apps whose webhooks want nothing: else the outbox would be full at once. */
function drainOutbox(state: MemoryState): NodeJS.Timeout {
  const wanted = {
    token: 'worker',
    leaseMs: 10_000,
    lanes: 0,
    entries: 0,
    unrouted: WEBHOOK_EVENTS,
  };
  const drain = async (): Promise<void> => {
    const { unrouted } = await state.poll(0, wanted);
    for (const each of unrouted) await state.route(0, each, []);
  };
  return setInterval(() => void drain(), DRAIN_MS);
}
