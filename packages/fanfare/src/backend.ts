import { randomUUID } from 'node:crypto';
import {
  createMemoryLimits,
  createMemoryNetwork,
  createMemoryRosterFeeds,
  createMemoryState,
  isFailure,
  SettingsError,
  stateTiming,
  type AppSource,
  type AppSourceEvents,
  type Bus,
  type BusEvents,
  type EventCache,
  type Limits,
  type Logger,
  type Outbox,
  type Publisher,
  type RosterFeed,
  type RosterFeedEvents,
  type RosterReader,
  type ShareReader,
  type ShareStore,
  type StateReader,
  type UserReader,
  type UserTerminator,
} from '@fanfare/core';
import {
  createBusCounters,
  openRedisApps,
  openRedisBus,
  openRedisPublisher,
  openRedisRosterFeed,
  openRedisState,
} from '@fanfare/redis';
import type { Registry } from 'prom-client';
import { exposeBusCounters } from './bus-metrics.ts';

/** Where the ports come from: the only place that chooses between memory and Redis. */
export interface Backend {
  readonly name: 'memory' | 'redis';
  openBus(events: BusEvents): Promise<Bus>;
  openPublisher(): Promise<Publisher & EventCache & AsyncDisposable>;
  openState(): Promise<State>;
  openFeed(events: RosterFeedEvents): Promise<RosterFeed>;
  /** The apps that stand in the store itself. */
  openApps(events: AppSourceEvents): Promise<AppSource>;
}

/** Everything that is known of the cluster's channels, members, users, undelivered webhooks and rates. */
export type State = ShareStore &
  ShareReader &
  StateReader &
  RosterReader &
  UserReader &
  UserTerminator &
  Outbox &
  Limits &
  AsyncDisposable;

export interface BackendParts {
  readonly role: string;
  /** How many replicas must know of a webhook event before it is delivered; undefined: one, while there is one. */
  readonly replicas: number | undefined;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Ends the wait for a Redis that is not there yet. */
  readonly stopping: AbortSignal;
}

export function chooseBackend(redisUrl: string | undefined, parts: BackendParts): Backend {
  if (redisUrl === undefined) return memoryBackend();
  const counters = createBusCounters();
  exposeBusCounters(parts.metrics, counters);
  const options = {
    url: redisUrl,
    connectionName: `fanfare-${parts.role}`,
    log: parts.log,
    counters,
    signal: parts.stopping,
  };
  const { replicas } = parts;
  const stateOptions = { ...options, ...(replicas !== undefined && { replicas }) };
  return {
    name: 'redis',
    openBus: async (events) => openRedisBus(options, events).catch(asSettingsError),
    openPublisher: async () => openRedisPublisher(options).catch(asSettingsError),
    openState: async () => openRedisState(stateOptions).catch(asSettingsError),
    openFeed: async (events) => openRedisRosterFeed(options, events).catch(asSettingsError),
    openApps: async (events) => openRedisApps(options, events).catch(asSettingsError),
  };
}

/** What waiting cannot help with is for the person who wrote the setting. */
export function asSettingsError(error: unknown): never {
  if (isFailure(error, 'misconfigured')) throw new SettingsError([`REDIS_URL: ${error.message}`]);
  throw error;
}

function memoryBackend(): Backend {
  const network = createMemoryNetwork();
  const feeds = createMemoryRosterFeeds();
  const state = createMemoryState({
    // It begins empty with the process, so there is nobody whose return it would have to wait for.
    timing: { ...stateTiming, graceMs: 0 },
    nowMs: Date.now,
    newEpoch: randomUUID,
    rosterChanged: feeds.rosterChanged,
    countTold: feeds.countTold,
  });
  const rates = createMemoryLimits();
  return {
    name: 'memory',
    openBus: async (events) => network.open(events),
    openPublisher: async () => network.open({ onMessage() {}, onUp() {} }),
    // It is as long as the process is; there is nothing to close.
    openState: async () => ({ ...state, ...rates, async [Symbol.asyncDispose]() {} }),
    openFeed: async (events) => feeds.open(events),
    openApps: async () => {
      throw new Error(
        'apps are in Redis where there is one, and in the settings where there is none',
      );
    },
  };
}
