import type {
  Bus,
  BusEvents,
  CachedEvent,
  JoinOutcome,
  RosterFeed,
  RosterFeedEvents,
  Subject,
} from '@fanfare/core';
import {
  appOfKey,
  broadcastChannel,
  channelOfKey,
  channelTraits,
  type AppId,
  type ChannelKey,
  type SocketId,
} from '@fanfare/protocol';
import { CacheChannel } from './cache-channel.ts';
import { ChannelCount } from './channel-count.ts';
import type { EdgeCounters } from './counters.ts';
import { PresenceChannel, type MemberSubject, type PresenceLinks } from './presence-channel.ts';
import type { ClientSocket } from './socket.ts';

/** A connection as fan-out sees it: the one that an event may have to skip. */
export interface Subscriber {
  readonly socket: ClientSocket;
  isSubscribed(channel: ChannelKey): boolean;
}

/** What this process has to do with one channel; handed out to those who take an interest in it. */
export interface LocalChannel {
  readonly key: ChannelKey;
  readonly partition: number;
  /** What the app sends to everybody: no client has asked for it, and the cluster does not count it. */
  readonly isBroadcast: boolean;
  /** Its members, for a presence channel. */
  readonly presence: PresenceChannel | undefined;
  /** Its last event, for a cache channel. */
  readonly cache: CacheChannel | undefined;
  /** How many subscriptions it has in the cluster, if its subscribers are told. */
  count: ChannelCount | undefined;
  /** Subscriptions and subscribes under way; the bus is let go when nobody is left. */
  interested: number;
  /** Subscriptions that were confirmed. */
  subscribed: number;
  /** Until the bus, and the feed of a presence channel, deliver here; undefined from then on. */
  ready: Promise<void> | undefined;
}

/** What the hub needs of the edge around it. All of it needs the hub to exist first. */
export interface HubLinks {
  readonly bus: Bus;
  readonly feed: RosterFeed;
  /** To every socket here that is subscribed, but not to that of the one given. */
  publish(topic: ChannelKey, frame: Uint8Array, except?: Subscriber): void;
  partitionOf(channel: ChannelKey): number;
  /** The channel's subscribers want to hear how many they are. */
  isCounted(channel: ChannelKey): boolean;
  /** What this edge holds of the subject has changed. */
  changed(subject: Subject): void;
  join(subject: MemberSubject, info: string, membersMax: number): Promise<JoinOutcome>;
  /** Changes were missed: the channel's roster has to be read and handed to it. */
  lost(channel: PresenceChannel): void;
  /** What a cache channel keeps. */
  recall(channel: ChannelKey): Promise<CachedEvent | undefined>;
  nowMs(): number;
}

/** Which channels this edge listens to on the bus, and where their events go. */
export class Hub {
  readonly #channels = new Map<ChannelKey, LocalChannel>();
  readonly #partitions = new Map<number, Set<LocalChannel>>();
  readonly #connections = new Map<SocketId, Subscriber>();
  readonly #counters: EdgeCounters;
  readonly #presenceLinks: PresenceLinks = {
    changed: (subject) => this.#links.changed(subject),
    join: async (...args) => this.#links.join(...args),
    lost: (channel) => this.#links.lost(channel),
    publish: (channel, frame) => {
      const local = this.#channels.get(channel);
      if (local?.subscribed === 0) return;
      this.#counters.memberEvents += 1;
      const bytes = Buffer.from(frame);
      this.#links.publish(channel, bytes);
      local?.cache?.tell(bytes, null);
    },
  };
  #connected: HubLinks | undefined;

  constructor(counters: EdgeCounters) {
    this.#counters = counters;
  }

  connect(links: HubLinks): void {
    this.#connected = links;
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

  get(key: ChannelKey): LocalChannel | undefined {
    return this.#channels.get(key);
  }

  inPartition(partition: number): Iterable<LocalChannel> {
    return this.#partitions.get(partition) ?? [];
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
    const channel = this.#add(key);
    channel.ready = this.#listen(channel);
    // Whoever waits sees the rejection; without anyone waiting it is nobody's.
    channel.ready.catch(() => {});
    return channel;
  }

  #add(key: ChannelKey): LocalChannel {
    const partition = this.#links.partitionOf(key);
    const name = channelOfKey(key);
    const { kind, cache } = channelTraits(name);
    const channel: LocalChannel = {
      key,
      partition,
      isBroadcast: name === broadcastChannel,
      presence: kind === 'presence' ? new PresenceChannel(key, this.#presenceLinks) : undefined,
      cache: cache ? new CacheChannel(key, this.#links) : undefined,
      count: this.#links.isCounted(key) ? new ChannelCount(key) : undefined,
      interested: 1,
      subscribed: 0,
      ready: undefined,
    };
    this.#channels.set(key, channel);
    const neighbours = this.#partitions.get(partition);
    if (neighbours === undefined) this.#partitions.set(partition, new Set([channel]));
    else neighbours.add(channel);
    this.#counters.channels = this.#channels.size;
    return channel;
  }

  async #listen(channel: LocalChannel): Promise<void> {
    const { key } = channel;
    const sources = this.#sources(channel);
    const asked = sources.map(async (source) => {
      try {
        await source.subscribe(key);
      } catch (error) {
        // The next subscriber asks anew, whoever still waits for this answer.
        if (this.#forget(channel))
          for (const other of sources) if (other !== source) other.unsubscribe(key);
        throw error;
      }
    });
    await Promise.all(asked);
    channel.ready = undefined;
  }

  release(channel: LocalChannel): void {
    channel.interested -= 1;
    if (channel.interested > 0 || !this.#forget(channel)) return;
    for (const source of this.#sources(channel)) source.unsubscribe(channel.key);
  }

  #sources({
    presence,
    count,
  }: LocalChannel): readonly Pick<RosterFeed, 'subscribe' | 'unsubscribe'>[] {
    const { bus, feed } = this.#links;
    return presence === undefined && count === undefined ? [bus] : [bus, feed];
  }

  /** False when another has taken its place, after the bus failed to listen for this one. */
  #forget(channel: LocalChannel): boolean {
    if (this.#channels.get(channel.key) !== channel) return false;
    this.#channels.delete(channel.key);
    const neighbours = this.#partitions.get(channel.partition);
    neighbours?.delete(channel);
    if (neighbours?.size === 0) this.#partitions.delete(channel.partition);
    this.#counters.channels = this.#channels.size;
    return true;
  }

  confirmed(channel: LocalChannel): void {
    channel.subscribed += 1;
    if (!channel.isBroadcast) this.#counters.subscriptions += 1;
    this.#changed(channel);
  }

  /** Ends a confirmed subscription. */
  leave(key: ChannelKey, id: SocketId): void {
    const channel = this.#channels.get(key);
    if (channel === undefined) throw new Error(`nobody listens to ${key}`);
    channel.subscribed -= 1;
    if (!channel.isBroadcast) this.#counters.subscriptions -= 1;
    channel.presence?.part(id);
    channel.cache?.part(id);
    this.#changed(channel);
    this.release(channel);
  }

  /** A presence channel says so by itself. */
  #changed({ key, isBroadcast, presence }: LocalChannel): void {
    if (!isBroadcast && presence === undefined)
      this.#links.changed({ kind: 'channel', channel: key });
  }

  /** One event from the bus: one native publish, whatever the number of subscribers. */
  readonly onMessage: BusEvents['onMessage'] = (key, frame, except, place) => {
    const channel = this.#channels.get(key);
    if (channel === undefined) return;
    const { cache } = channel;
    cache?.onEvent(frame, place);
    if (channel.subscribed === 0) return;
    const skipped =
      except === null || cache?.isApart(except) === true
        ? undefined
        : this.#connections.get(except);
    const skips = skipped?.isSubscribed(key) === true;
    if (skips) this.#links.publish(key, frame, skipped);
    else this.#links.publish(key, frame);
    // Those apart have had this event or a later one; but what is not recorded is for them as well.
    const told = place.seq === 0 ? (cache?.tell(frame, except) ?? 0) : 0;
    const receivers = channel.subscribed - (cache?.apart ?? 0) + told - (skips ? 1 : 0);
    this.#counters.eventsIn += 1;
    this.#counters.eventsOut += receivers;
    this.#counters.eventBytesOut += receivers * frame.byteLength;
  };

  /** What an app wants has changed: its channels here are counted from now on, or no more. */
  recount(app: AppId): void {
    for (const channel of this.#channels.values()) {
      if (appOfKey(channel.key) !== app) continue;
      const isCounted = this.#links.isCounted(channel.key);
      if (isCounted === (channel.count !== undefined)) continue;
      channel.count = isCounted ? new ChannelCount(channel.key) : undefined;
      if (isCounted) void this.#count(channel);
      else this.#links.feed.unsubscribe(channel.key);
    }
  }

  async #count(channel: LocalChannel): Promise<void> {
    const { feed } = this.#links;
    try {
      await feed.subscribe(channel.key);
    } catch {
      // Counts come with the next subscriber after everybody here has left.
      channel.count = undefined;
      return;
    }
    if (this.#channels.get(channel.key)?.count === undefined) feed.unsubscribe(channel.key);
    else this.#ask(channel);
  }

  /** Nobody here is sure of the count, so it is told again. */
  #ask(channel: LocalChannel): void {
    if (channel.count === undefined || channel.subscribed === 0) return;
    channel.count.onGap();
    this.#changed(channel);
  }

  readonly onRosterChange: RosterFeedEvents['onChange'] = (key, change) => {
    this.#channels.get(key)?.presence?.onChange(change);
  };

  readonly onRosterGap: RosterFeedEvents['onGap'] = (key) => {
    const channels = key === undefined ? this.#channels.values() : [this.#channels.get(key)];
    for (const channel of channels) {
      channel?.presence?.onGap();
      if (channel !== undefined) this.#ask(channel);
    }
  };

  readonly onCount: RosterFeedEvents['onCount'] = (key, count) => {
    const channel = this.#channels.get(key);
    const frame = channel?.count?.take(count);
    if (channel === undefined || frame === undefined || channel.subscribed === 0) return;
    this.#counters.countEvents += 1;
    const bytes = Buffer.from(frame);
    this.#links.publish(key, bytes);
    channel.cache?.tell(bytes, null);
  };

  get #links(): HubLinks {
    if (this.#connected === undefined) throw new Error('the hub is not connected yet');
    return this.#connected;
  }
}
