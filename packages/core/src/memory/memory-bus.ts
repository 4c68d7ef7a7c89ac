import type { ChannelKey } from '@fanfare/protocol';
import { decodeEnvelope, envelopeBody } from '../envelope.ts';
import { Failure } from '../failure.ts';
import type { Bus, BusEvents, BusMessage } from '../ports/bus.ts';

/** How long the id of a message that asked to be published once is remembered. */
const ONCE_MS = 120_000;

/** The bus of one process: what Redis is to a cluster. */
export interface MemoryNetwork {
  open(events: BusEvents): Bus;
}

/** `nowMs` tells when the id of a message published `once` may be forgotten. */
export function createMemoryNetwork(nowMs: () => number = Date.now): MemoryNetwork {
  const members = new Set<Member>();
  const recent = new RecentIds(nowMs);
  let inFlight: { readonly channel: ChannelKey; readonly bytes: Buffer }[] = [];

  // Messages cross as bytes and in a later turn, as they do through Redis: a receiver that kept
  // the publisher's objects, or counted on being called from inside publish, would fail there.
  const take = (message: BusMessage): void => {
    if (message.once && recent.seen(`${message.channel}\n${message.id}`)) return;
    const body = envelopeBody(message.id, message.except, message.frame);
    if (inFlight.length === 0) setImmediate(deliver);
    inFlight.push({ channel: message.channel, bytes: Buffer.from(`0:0:${body}`) });
  };
  const deliver = (): void => {
    const batch = inFlight;
    inFlight = [];
    for (const { channel, bytes } of batch) {
      const envelope = decodeEnvelope(bytes);
      if (envelope === undefined) throw new Error('the memory bus made an envelope that is none');
      for (const member of members) {
        if (member.channels.has(channel))
          member.events.onMessage(channel, envelope.frame, envelope.except);
      }
    }
  };

  return {
    open(events) {
      const member: Member = { events, channels: new Set() };
      members.add(member);
      return openMemoryBus(member, members, take);
    },
  };
}

interface Member {
  readonly events: BusEvents;
  readonly channels: Set<ChannelKey>;
}

function openMemoryBus(
  member: Member,
  members: Set<Member>,
  take: (message: BusMessage) => void,
): Bus {
  const mustBeOpen = (): void => {
    if (!members.has(member)) throw new Failure('closed', 'the bus was closed');
  };
  return {
    get up() {
      return members.has(member);
    },
    async publish(messages) {
      mustBeOpen();
      for (const message of messages) take(message);
    },
    async subscribe(channel) {
      mustBeOpen();
      member.channels.add(channel);
    },
    unsubscribe(channel) {
      member.channels.delete(channel);
    },
    async [Symbol.asyncDispose]() {
      members.delete(member);
    },
  };
}

/** Ids in the order they came; the oldest leave as soon as their time is over. */
class RecentIds {
  readonly #until = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  seen(id: string): boolean {
    const now = this.#nowMs();
    for (const [old, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(old);
    }
    if (this.#until.has(id)) return true;
    this.#until.set(id, now + ONCE_MS);
    return false;
  }
}
