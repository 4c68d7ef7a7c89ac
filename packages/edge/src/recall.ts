import { setTimeout as pause } from 'node:timers/promises';
import {
  isFailure,
  wantsEvent,
  type App,
  type AppRegistry,
  type Bus,
  type CachedEvent,
  type Outbox,
  type Recalled,
  type ShareStore,
} from '@fanfare/core';
import { appOfKey, channelOfKey, type ChannelKey } from '@fanfare/protocol';
import type { EdgeCounters } from './counters.ts';
import type { EdgeEvents } from './events.ts';

export interface RecallOptions {
  /** Pause before a bus that is away is asked again. */
  readonly retryMs: number;
  /** How long it is asked. */
  readonly patienceMs: number;
}

const recallOptions: RecallOptions = { retryMs: 200, patienceMs: 30_000 };

export interface RecallParts {
  readonly apps: AppRegistry;
  readonly bus: Pick<Bus, 'recall'>;
  readonly store: Pick<Outbox, 'append'> & Pick<ShareStore, 'partitionOf'>;
  readonly counters: EdgeCounters;
  readonly events: EdgeEvents;
  readonly nowMs: () => number;
  readonly options?: RecallOptions | undefined;
}

/** Reads what a cache channel keeps, for as long as it takes within reason, and tells the app when it keeps nothing. */
export function createRecall(
  parts: RecallParts,
): (channel: ChannelKey) => Promise<CachedEvent | undefined> {
  return async (channel) => {
    const app = parts.apps.byId(appOfKey(channel));
    const telling = app !== undefined && wantsEvent(app, 'cache_miss', channelOfKey(channel));
    const recalled = await askPatiently(parts, channel, telling);
    if (recalled.event !== undefined) return recalled.event;
    if (telling && recalled.isFirst) void tellApp(parts, app, channel);
    return undefined;
  };
}

async function askPatiently(
  { bus, nowMs, options = recallOptions }: RecallParts,
  channel: ChannelKey,
  telling: boolean,
): Promise<Recalled> {
  const untilMs = nowMs() + options.patienceMs;
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- asked again only after it failed
      return await bus.recall(channel, telling);
    } catch (error) {
      if (!isFailure(error, 'unavailable') || nowMs() >= untilMs) throw error;
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    await pause(options.retryMs);
  }
}

/** Neither acknowledged nor repeated: what the outbox cannot take now is counted and dropped. */
async function tellApp(
  { store, counters, events }: RecallParts,
  app: App,
  channel: ChannelKey,
): Promise<void> {
  const event = { name: 'cache_miss', channel: channelOfKey(channel) } as const;
  try {
    const taken = await store.append(store.partitionOf(channel), app.id, event);
    if (taken !== 'taken') counters.cacheMissesUntold += 1;
  } catch (error) {
    counters.cacheMissesUntold += 1;
    events.stateFailed(error);
  }
}
