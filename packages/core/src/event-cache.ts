import { channelOfKey, channelTraits } from '@fanfare/protocol';
import type { BusMessage } from './ports/bus.ts';

export interface EventCacheTimes {
  /** How long a cache channel keeps an event. Pusher: up to 30 minutes. */
  readonly eventMs: number;
  /** After a miss that the app is told of, how long further ones are not told. An event ends it. */
  readonly missMs: number;
}

export const eventCacheTimes: EventCacheTimes = { eventMs: 1_800_000, missMs: 5_000 };

/** Whether its channel keeps the message: client events change nothing, for they are not recorded. */
export function isKept({ channel, recorded }: BusMessage): boolean {
  return recorded && channelTraits(channelOfKey(channel)).cache;
}
