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
  AsyncDisposable & {
    /** Whether it can be reached. */
    readonly up: boolean;
  };

export interface BackendParts {
  readonly role: string;
  /** How many replicas must know of a webhook event before it is delivered; undefined: one, while there is one. */
  readonly replicas: number | undefined;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Ends the wait for a Redis that is not there yet. */
  readonly stopping: AbortSignal;
}

/** Which Redis, if any. */
export interface RedisSettings {
  readonly REDIS_URL?: string | undefined;
  readonly REDIS_STATE_URL?: string | undefined;
}

export function chooseBackend(settings: RedisSettings, parts: BackendParts): Backend {
  const { REDIS_URL: busUrl, REDIS_STATE_URL: stateUrl } = settings;
  if (busUrl === undefined && stateUrl !== undefined) throw new SettingsError([NO_BUS]);
  if (busUrl === undefined) return memoryBackend();
  const counters = createBusCounters();
  exposeBusCounters(parts.metrics, counters);
  const { log, replicas, stopping: signal } = parts;
  const common = { connectionName: `fanfare-${parts.role}`, signal };
  const bus = { ...common, url: busUrl, log: log.child({ redis: 'bus' }), counters };
  // What the state tells of rosters, it publishes where it is.
  const state = { ...common, url: stateUrl ?? busUrl, log: log.child({ redis: 'state' }) };
  const stateOptions = { ...state, ...(replicas !== undefined && { replicas }) };
  const ofBus = asSettingsError('REDIS_URL');
  const ofState = asSettingsError(stateSettingOf(settings));
  return {
    name: 'redis',
    openBus: async (events) => openRedisBus(bus, events).catch(ofBus),
    openPublisher: async () => openRedisPublisher(bus).catch(ofBus),
    openState: async () => openRedisState(stateOptions).catch(ofState),
    openFeed: async (events) => openRedisRosterFeed(state, events).catch(ofState),
    openApps: async (events) => openRedisApps(state, events).catch(ofState),
  };
}

const NO_BUS =
  'REDIS_STATE_URL: it takes the state away from the Redis of REDIS_URL, which is not set';

/** The setting that says where the state is. */
export function stateSettingOf({ REDIS_STATE_URL: url }: RedisSettings): string {
  return url === undefined ? 'REDIS_URL' : 'REDIS_STATE_URL';
}

/** What waiting cannot help with is for the person who wrote the setting. */
export function asSettingsError(setting: string): (error: unknown) => never {
  return (error) => {
    if (isFailure(error, 'misconfigured'))
      throw new SettingsError([`${setting}: ${error.message}`]);
    throw error;
  };
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
    openState: async () => ({ ...state, ...rates, up: true, async [Symbol.asyncDispose]() {} }),
    openFeed: async (events) => feeds.open(events),
    openApps: async () => {
      throw new Error(
        'apps are in Redis where there is one, and in the settings where there is none',
      );
    },
  };
}
