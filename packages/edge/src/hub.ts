import type { Bus, BusEvents } from '@fanfare/core';
import type { ChannelKey, SocketId } from '@fanfare/protocol';
import type { EdgeCounters } from './counters.ts';
import type { ClientSocket } from './socket.ts';

/** A connection as fan-out sees it: the one that an event may have to skip. */
export interface Subscriber {
  readonly socket: ClientSocket;
  isSubscribed(channel: ChannelKey): boolean;
}

/** What this process has to do with one channel; handed out to those who take an interest in it. */
export interface LocalChannel {
  readonly key: ChannelKey;
  /** Subscriptions and subscribes under way; the bus is let go when nobody is left. */
  interested: number;
  /** Subscriptions that were confirmed, for counting what fan-out delivers. */
  subscribed: number;
  /** Until the bus delivers the channel here; undefined from then on. */
  ready: Promise<void> | undefined;
}

/** Which channels this edge listens to on the bus, and where their events go. */
export class Hub {
  readonly #channels = new Map<ChannelKey, LocalChannel>();
  readonly #connections = new Map<SocketId, Subscriber>();
  readonly #counters: EdgeCounters;
  #bus: Bus | undefined;
  #publish: (topic: ChannelKey, frame: Uint8Array) => void = () => {};

  constructor(counters: EdgeCounters) {
    this.#counters = counters;
  }

  /** The listener and the bus need the hub to exist first; they are handed in when they do. */
  connect(bus: Bus, publish: (topic: ChannelKey, frame: Uint8Array) => void): void {
    this.#bus = bus;
    this.#publish = publish;
  }

  has(id: SocketId): boolean {
    return this.#connections.has(id);
  }

  join(id: SocketId, connection: Subscriber): void {
    this.#connections.set(id, connection);
  }

  part(id: SocketId): void {
    this.#connections.delete(id);
  }

  /**
   * Takes an interest in a channel, to be given back by `release`, or by `leave` once it was
   * confirmed. Its events arrive here when `ready` is undefined or has resolved; `ready` rejects
   * when the bus could not in time.
   */
  acquire(key: ChannelKey): LocalChannel {
    const known = this.#channels.get(key);
    if (known !== undefined) {
      known.interested += 1;
      return known;
    }
    const channel: LocalChannel = { key, interested: 1, subscribed: 0, ready: undefined };
    this.#channels.set(key, channel);
    this.#counters.channels = this.#channels.size;
    channel.ready = this.#listen(channel);
    // Whoever waits sees the rejection; without anyone waiting it is nobody's.
    channel.ready.catch(() => {});
    return channel;
  }

  async #listen(channel: LocalChannel): Promise<void> {
    if (this.#bus === undefined) throw new Error('the hub has no bus yet');
    try {
      await this.#bus.subscribe(channel.key);
    } catch (error) {
      // The next subscriber asks the bus anew, whoever still waits for this answer.
      this.#forget(channel);
      throw error;
    }
    channel.ready = undefined;
  }

  release(channel: LocalChannel): void {
    channel.interested -= 1;
    if (channel.interested === 0 && this.#forget(channel)) this.#bus?.unsubscribe(channel.key);
  }

  /** False when another has taken its place, after the bus failed to listen for this one. */
  #forget(channel: LocalChannel): boolean {
    if (this.#channels.get(channel.key) !== channel) return false;
    this.#channels.delete(channel.key);
    this.#counters.channels = this.#channels.size;
    return true;
  }

  confirmed(channel: LocalChannel): void {
    channel.subscribed += 1;
    this.#counters.subscriptions += 1;
  }

  /** Ends a confirmed subscription. */
  leave(key: ChannelKey): void {
    const channel = this.#channels.get(key);
    if (channel === undefined) throw new Error(`nobody listens to ${key}`);
    channel.subscribed -= 1;
    this.#counters.subscriptions -= 1;
    this.release(channel);
  }

  /** One event from the bus: one native publish, whatever the number of subscribers. */
  readonly onMessage: BusEvents['onMessage'] = (key, frame, except) => {
    const channel = this.#channels.get(key);
    if (channel === undefined || channel.subscribed === 0) return;
    const skipped = except === null ? undefined : this.#connections.get(except);
    const skips = skipped?.isSubscribed(key) === true;
    const receivers = skips ? channel.subscribed - 1 : channel.subscribed;
    this.#counters.eventsIn += 1;
    this.#counters.eventsOut += receivers;
    this.#counters.eventBytesOut += receivers * frame.byteLength;
    if (skips) skipped.socket.publish(key, frame);
    else this.#publish(key, frame);
  };
}
