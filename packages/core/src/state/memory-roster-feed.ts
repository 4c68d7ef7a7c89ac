import type { ChannelKey } from '@fanfare/protocol';
import { Failure } from '../failure.ts';
import type { RosterFeed, RosterFeedEvents } from '../ports/roster-feed.ts';
import type { RosterChange } from '../ports/state.ts';

/** The roster feeds of one process: what the store decides goes to whoever has asked for it. */
export interface MemoryRosterFeeds {
  /** For `createMemoryState`. */
  readonly rosterChanged: (channel: ChannelKey, change: RosterChange) => void;
  readonly countTold: (channel: ChannelKey, count: number) => void;
  open(events: RosterFeedEvents): RosterFeed;
}

type Tell = (events: RosterFeedEvents) => void;

interface Member {
  readonly events: RosterFeedEvents;
  readonly channels: Set<ChannelKey>;
}

export function createMemoryRosterFeeds(): MemoryRosterFeeds {
  const members = new Set<Member>();
  let inFlight: (readonly [ChannelKey, Tell])[] = [];
  const deliver = (): void => {
    const batch = inFlight;
    inFlight = [];
    for (const [channel, tell] of batch)
      for (const { channels, events } of members) if (channels.has(channel)) tell(events);
  };
  // In a later turn, as through Redis: the store's own answer may come first.
  const send = (channel: ChannelKey, tell: Tell): void => {
    if (inFlight.length === 0) setImmediate(deliver);
    inFlight.push([channel, tell]);
  };
  return {
    rosterChanged(channel, change) {
      send(channel, (events) => events.onChange(channel, change));
    },
    countTold(channel, count) {
      send(channel, (events) => events.onCount(channel, count));
    },
    open(events) {
      const member: Member = { events, channels: new Set() };
      members.add(member);
      return {
        async subscribe(channel) {
          if (!members.has(member)) throw new Failure('closed', 'the roster feed was closed');
          member.channels.add(channel);
        },
        unsubscribe(channel) {
          member.channels.delete(channel);
        },
        async [Symbol.asyncDispose]() {
          members.delete(member);
        },
      };
    },
  };
}
