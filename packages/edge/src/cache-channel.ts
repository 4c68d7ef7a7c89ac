import type { CachedEvent, Place } from '@fanfare/core';
import type { ChannelKey, SocketId } from '@fanfare/protocol';
import type { ClientSocket } from './socket.ts';

/** What a cache channel needs of the edge around it. */
export interface CacheLinks {
  /** Resolves with what the channel keeps, undefined when that is nothing. */
  recall(channel: ChannelKey): Promise<CachedEvent | undefined>;
  nowMs(): number;
}

/** What a new subscriber is given behind its confirmation. */
export interface FirstEvent {
  /** Undefined when the channel keeps nothing. */
  readonly frame: string | undefined;
  /** Where the event stands if the bus may still bring it here, or an older one. */
  readonly ahead: Place | undefined;
}

/** After so long nothing older can come any more: it is the history's time, and no repair reaches behind it. */
const AHEAD_MS = 60_000;

/** A read under way, and the newest event that the bus has brought meanwhile. */
interface Read {
  latest: { readonly frame: string; readonly place: Place } | undefined;
}

interface Ahead {
  readonly socket: ClientSocket;
  readonly place: Place;
  readonly sinceMs: number;
}

/**
 * Gives a new subscriber the channel's last event and then only later ones. What is read and what
 * the bus brings come on different ways, so either may be the older one. An event that came while
 * the read was under way goes before an older one that was read; and a socket that was given what
 * the bus has not brought yet stays out of the topic until the bus brings something later.
 */
export class CacheChannel {
  readonly key: ChannelKey;
  readonly #links: CacheLinks;
  readonly #reads = new Set<Read>();
  readonly #ahead = new Map<SocketId, Ahead>();
  #next: Promise<FirstEvent> | undefined;

  constructor(key: ChannelKey, links: CacheLinks) {
    this.key = key;
    this.#links = links;
  }

  /**
   * One read for all who ask in the same turn of the event loop; it begins when the turn is over,
   * so that each of them finds what was published before it asked. The answer must be acted on in
   * the turn in which it comes.
   */
  async first(): Promise<FirstEvent> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        resolve(this.#read());
      });
    });
    return this.#next;
  }

  async #read(): Promise<FirstEvent> {
    const read: Read = { latest: undefined };
    this.#reads.add(read);
    try {
      const event = await this.#links.recall(this.key);
      const { latest } = read;
      if (latest !== undefined && (event === undefined || isLater(latest.place, event.place)))
        return { frame: latest.frame, ahead: undefined };
      return { frame: event?.frame, ahead: event?.place };
    } finally {
      this.#reads.delete(read);
    }
  }

  /** How many sockets are subscribed and not in the topic. */
  get apart(): number {
    return this.#ahead.size;
  }

  isApart(id: SocketId): boolean {
    return this.#ahead.has(id);
  }

  /** Subscribes a socket that was given the event: to the topic, now or once the bus is as far. */
  enter(id: SocketId, socket: ClientSocket, { ahead }: FirstEvent): void {
    if (ahead === undefined) socket.subscribe(this.key);
    else this.#ahead.set(id, { socket, place: ahead, sinceMs: this.#links.nowMs() });
  }

  /** A socket that was subscribed has left or has gone. */
  part(id: SocketId): void {
    this.#ahead.delete(id);
  }

  /** The bus has brought an event that is about to go to the topic. */
  onEvent(frame: Uint8Array, place: Place): void {
    if (place.seq === 0) return;
    for (const read of this.#reads)
      read.latest = { frame: Buffer.from(frame).toString('utf8'), place };
    if (this.#ahead.size === 0) return;
    const longAgoMs = this.#links.nowMs() - AHEAD_MS;
    for (const [id, { socket, place: given, sinceMs }] of this.#ahead) {
      if (!isLater(place, given) && sinceMs > longAgoMs) continue;
      this.#ahead.delete(id);
      socket.subscribe(this.key);
    }
  }

  /** To those who are not in the topic, what is no event of the sequence. Returns how many they are. */
  tell(frame: Uint8Array, except: SocketId | null): number {
    if (this.#ahead.size === 0) return 0;
    const text = Buffer.from(frame).toString('utf8');
    let told = 0;
    for (const [id, { socket }] of this.#ahead) {
      if (id === except) continue;
      socket.send(text);
      told += 1;
    }
    return told;
  }
}

/**
 * Whether what the bus brings is later than what was kept. Of two epochs one began a history's time
 * after the other had ended, and nothing is under way for so long: then what the bus brings is later.
 */
function isLater(brought: Place, kept: Place): boolean {
  return brought.epoch !== kept.epoch || brought.seq > kept.seq;
}
