import { randomUUID } from 'node:crypto';
import type { ChannelKey } from '@fanfare/protocol';
import { decodeEnvelope, envelopeBody, handOut, type Envelope } from '../envelope.ts';
import { eventCacheTimes, isKept, type EventCacheTimes } from '../event-cache.ts';
import { Failure } from '../failure.ts';
import type { Bus, BusEvents, BusMessage } from '../ports/bus.ts';
import type { EventCache } from '../ports/event-cache.ts';
import { Fleeting } from './fleeting.ts';

/** How long the id of a message that asked to be published once is remembered. */
const ONCE_MS = 120_000;

/** The bus of one process: what Redis is to a cluster. */
export interface MemoryNetwork {
  open(events: BusEvents): Bus;
}

/** `nowMs` tells when what is remembered may be forgotten. */
export function createMemoryNetwork(
  nowMs: () => number = Date.now,
  times: EventCacheTimes = eventCacheTimes,
): MemoryNetwork {
  const members = new Set<Member>();
  const taken = new Fleeting<true>(ONCE_MS, nowMs);
  const cache = new MemoryEventCache(times, nowMs);
  const epoch = randomUUID();
  let recorded = 0;
  let inFlight: { readonly channel: ChannelKey; readonly bytes: Buffer }[] = [];

  // Messages cross as bytes and in a later turn, as they do through Redis: a receiver that kept
  // the publisher's objects, or counted on being called from inside publish, would fail there.
  const take = (message: BusMessage): void => {
    const id = `${message.channel}\n${message.id}`;
    if (message.once && taken.get(id) !== undefined) return;
    if (message.once) taken.set(id, true);
    const body = envelopeBody(message.id, message.except, message.frame, message.control);
    if (message.recorded) recorded += 1;
    const place = message.recorded ? `${epoch}:${recorded}` : '0:0';
    const bytes = Buffer.from(`${place}:${body}`);
    if (isKept(message)) cache.keep(message.channel, bytes);
    if (inFlight.length === 0) setImmediate(deliver);
    inFlight.push({ channel: message.channel, bytes });
  };
  const deliver = (): void => {
    const batch = inFlight;
    inFlight = [];
    for (const { channel, bytes } of batch) {
      const envelope = decoded(bytes);
      for (const member of members) {
        if (member.channels.has(channel)) handOut(envelope, channel, member.events);
      }
    }
  };

  return {
    open(events) {
      const member: Member = { events, channels: new Set() };
      members.add(member);
      return openMemoryBus(member, members, take, cache);
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
  cache: EventCache,
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
    async recall(channel, telling) {
      mustBeOpen();
      return cache.recall(channel, telling);
    },
    async [Symbol.asyncDispose]() {
      members.delete(member);
    },
  };
}

/** What cache channels keep, as envelopes, for a place and a frame are what is asked of it. */
class MemoryEventCache implements EventCache {
  readonly #kept: Fleeting<Buffer>;
  /** Channels of whose miss an app was told. */
  readonly #missed: Fleeting<true>;

  constructor({ eventMs, missMs }: EventCacheTimes, nowMs: () => number) {
    this.#kept = new Fleeting(eventMs, nowMs);
    this.#missed = new Fleeting(missMs, nowMs);
  }

  keep(channel: ChannelKey, bytes: Buffer): void {
    this.#kept.set(channel, bytes);
    this.#missed.delete(channel);
  }

  async recall(channel: ChannelKey, telling: boolean): ReturnType<EventCache['recall']> {
    const kept = this.#kept.get(channel);
    if (kept !== undefined) {
      const { epoch, seq, frame } = decoded(kept.value);
      const text = Buffer.from(frame).toString('utf8');
      return { event: { frame: text, place: { epoch, seq }, leftMs: kept.leftMs } };
    }
    const isFirst = telling && this.#missed.get(channel) === undefined;
    if (isFirst) this.#missed.set(channel, true);
    return { event: undefined, isFirst };
  }
}

function decoded(bytes: Buffer): Envelope {
  const envelope = decodeEnvelope(bytes);
  if (envelope === undefined) throw new Error('the memory bus made an envelope that is none');
  return envelope;
}
