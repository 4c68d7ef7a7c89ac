import type { ChannelKey } from '@fanfare/protocol';
import { Failure } from '../failure.ts';
import type { RosterFeed, RosterFeedEvents } from '../ports/roster-feed.ts';
import type { RosterChange } from '../ports/state.ts';

/** The roster feeds of one process: what the store decides goes to whoever has asked for it. */
export interface MemoryRosterFeeds {
  /** For `createMemoryState`. */
  readonly rosterChanged: (channel: ChannelKey, change: RosterChange) => void;
  open(events: RosterFeedEvents): RosterFeed;
}

interface Member {
  readonly events: RosterFeedEvents;
  readonly channels: Set<ChannelKey>;
}

export function createMemoryRosterFeeds(): MemoryRosterFeeds {
  const members = new Set<Member>();
  let inFlight: (readonly [ChannelKey, RosterChange])[] = [];
  const deliver = (): void => {
    const batch = inFlight;
    inFlight = [];
    for (const [channel, change] of batch)
      for (const { channels, events } of members)
        if (channels.has(channel)) events.onChange(channel, change);
  };
  return {
    // In a later turn, as through Redis: the store's own answer may come first.
    rosterChanged(channel, change) {
      if (inFlight.length === 0) setImmediate(deliver);
      inFlight.push([channel, change]);
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
