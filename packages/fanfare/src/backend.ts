import {
  createMemoryNetwork,
  isFailure,
  SettingsError,
  type Bus,
  type BusEvents,
  type Logger,
  type Publisher,
} from '@fanfare/core';
import { createBusCounters, openRedisBus, openRedisPublisher } from '@fanfare/redis';
import type { Registry } from 'prom-client';
import { exposeBusCounters } from './bus-metrics.ts';

/** Where the ports come from: the only place that chooses between memory and Redis. */
export interface Backend {
  readonly name: 'memory' | 'redis';
  openBus(events: BusEvents): Promise<Bus>;
  openPublisher(): Promise<Publisher & AsyncDisposable>;
}

export interface BackendParts {
  readonly role: string;
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
  return {
    name: 'redis',
    openBus: async (events) => openRedisBus(options, events).catch(asSettingsError),
    openPublisher: async () => openRedisPublisher(options).catch(asSettingsError),
  };
}

/** What waiting cannot help with is for the person who wrote the setting. */
function asSettingsError(error: unknown): never {
  if (isFailure(error, 'misconfigured')) throw new SettingsError([`REDIS_URL: ${error.message}`]);
  throw error;
}

function memoryBackend(): Backend {
  const network = createMemoryNetwork();
  return {
    name: 'memory',
    openBus: async (events) => network.open(events),
    openPublisher: async () => network.open({ onMessage() {}, onUp() {} }),
  };
}
