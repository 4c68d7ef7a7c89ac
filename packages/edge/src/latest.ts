import type { App } from '@fanfare/core';
import { appOfKey, type AppId, type ChannelKey } from '@fanfare/protocol';
import type { EdgeCounters } from './counters.ts';

/** A connection whose socket may be slow. */
export interface SlowConnection {
  readonly app: App;
  isSubscribed(channel: ChannelKey): boolean;
}

/** The part of a socket that is needed while it is slow. */
export interface SlowSocket {
  getBufferedAmount(): number;
  getTopics(): readonly string[];
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  send(frame: string): number;
}

export interface LatestLimits {
  /** What may be held for one slow socket. */
  readonly heldFrames: number;
  readonly heldBytes: number;
}

export const latestLimits: LatestLimits = { heldFrames: 1_000, heldBytes: 1_048_576 };

interface Published {
  readonly key: ChannelKey;
  readonly frame: Buffer;
  readonly except: object | undefined;
  /** The event's name, once somebody wants to know. */
  event: string | undefined;
}

/** What a socket whose buffer has just been found full has not got, until its own turn comes. */
interface Found {
  readonly socket: SlowSocket;
  readonly end: () => void;
  readonly topics: ReadonlySet<string>;
  readonly lost: Published[];
  /** How many of them the library has thrown away for certain; the others it may still hold. */
  thrownAway: number;
  /** What it got and what not cannot be told. */
  isUncertain: boolean;
}

interface Slow {
  readonly socket: SlowSocket;
  /** Those that it has left for the time being. */
  readonly topics: Set<string>;
  /** In order; of a channel's events of one name only the newest. */
  readonly held: Map<string, Published>;
  bytes: number;
  /** What the library will still throw away before it looks for what has come in. */
  onTheWay: readonly Published[];
  /** It is to be closed: more would have to be held than may be, or something was lost. */
  isOver: boolean;
  readonly end: () => void;
}

/** What `send` returns when all of it went out. */
const SENT = 1;

/**
 * Apps with `slowConsumers: "latest"` rather lose old events than sockets. A socket of theirs whose
 * buffer is full leaves its topics, and what they bring is held here: of the events of one name on
 * one channel the newest, of what Fanfare itself says everything, in order. Once it has read all
 * that it had, it gets what is held and is back in its topics.
 *
 * Nobody else pays for that on fan-out, and a socket nothing before it is slow. The library tells
 * only of the first frame that it throws away in a turn of the loop, so what this turn has published
 * is kept, of such apps alone, until the turn is over. Where it cannot be told what a socket got, it
 * is closed like those of other apps.
 */
export class Latest {
  readonly #limits: LatestLimits;
  readonly #counters: Pick<EdgeCounters, 'slowHeld' | 'eventsSkipped'>;
  readonly #apps = new Set<AppId>();
  #turn: Published[] = [];
  #publishing: Published | undefined;
  readonly #found = new Map<SlowConnection, Found>();
  readonly #slow = new Map<object, Slow>();
  readonly #topics = new Map<string, Set<SlowConnection>>();

  constructor(bounds: LatestLimits, counters: Pick<EdgeCounters, 'slowHeld' | 'eventsSkipped'>) {
    this.#limits = bounds;
    this.#counters = counters;
  }

  /** A connection of the app has opened. */
  opened({ id, slowConsumers }: App): void {
    if (slowConsumers === 'latest') this.#apps.add(id);
  }

  /** Something is about to be published; the frame is only valid during the call. */
  note(key: ChannelKey, bytes: Uint8Array, except?: object): void {
    if (this.#apps.size === 0 || !this.#apps.has(appOfKey(key))) return;
    if (this.#turn.length === 0)
      setImmediate(() => {
        this.#turn = [];
      });
    const published = { key, frame: Buffer.from(bytes), except, event: undefined };
    this.#turn.push(published);
    this.#publishing = published;
    for (const [connection, { topics, lost }] of this.#found)
      if (topics.has(key) && except !== connection) lost.push(published);
    for (const connection of this.#topics.get(key) ?? [])
      if (except !== connection) this.#hold(connection, published);
  }

  /** It was. */
  published(): void {
    this.#publishing = undefined;
  }

  /** Whether the connection has left the topic because it is slow. */
  isApart(connection: object, key: ChannelKey): boolean {
    return this.#slow.get(connection)?.topics.has(key) === true;
  }

  /**
   * A frame was thrown away, in the middle of a send: nothing may be done about it yet. `end` has
   * `begin` called in a turn of its own.
   */
  onDropped(
    connection: SlowConnection,
    socket: SlowSocket,
    message: ArrayBuffer,
    end: () => void,
  ): void {
    // A PING; whoever does not answer it is closed in time.
    if (message.byteLength === 0 || connection.app.slowConsumers !== 'latest') return;
    const bytes = Buffer.from(message);
    const slow = this.#slow.get(connection);
    if (slow !== undefined) {
      if (!isAmong(slow.onTheWay, bytes)) slow.isOver = true;
      return;
    }
    const found = this.#found.get(connection) ?? this.#find(connection, socket, bytes, end);
    this.#found.set(connection, found);
    const { lost } = found;
    // What was sent to it alone is told one by one, and is not to be lost.
    const [first, ...others] = lost.filter(({ frame }) => frame.equals(bytes));
    if (first === undefined || others.length > 0) found.isUncertain = true;
    // What was published goes with the first of it, but for what is only being added to it.
    const isAdding = lost.at(-1) === this.#publishing && first !== this.#publishing;
    found.thrownAway = lost.length - (isAdding ? 1 : 0);
  }

  #find(connection: SlowConnection, socket: SlowSocket, bytes: Buffer, end: () => void): Found {
    const topics = new Set(socket.getTopics());
    const reached = this.#turn.filter(
      ({ key, except }) => topics.has(key) && except !== connection,
    );
    const places = reached.flatMap(({ frame }, at) => (frame.equals(bytes) ? [at] : []));
    const [first = reached.length] = places;
    const lost = reached.slice(first);
    return { socket, end, topics, lost, thrownAway: 0, isUncertain: places.length !== 1 };
  }

  /** Not in the middle of a send: whether the connection may stay. */
  begin(connection: SlowConnection): boolean {
    const known = this.#slow.get(connection);
    if (known !== undefined) return !known.isOver;
    const found = this.#found.get(connection);
    this.#found.delete(connection);
    if (found === undefined || found.isUncertain) return false;
    const { socket, end, lost, thrownAway } = found;
    const slow: Slow = {
      socket,
      topics: new Set(found.topics),
      held: new Map(),
      bytes: 0,
      onTheWay: lost.slice(thrownAway),
      isOver: false,
      end,
    };
    setImmediate(() => {
      slow.onTheWay = [];
    });
    this.#slow.set(connection, slow);
    for (const topic of found.topics) {
      socket.unsubscribe(topic);
      const others = this.#topics.get(topic);
      if (others === undefined) this.#topics.set(topic, new Set([connection]));
      else others.add(connection);
    }
    for (const published of lost) this.#hold(connection, published);
    this.#counters.slowHeld += 1;
    return !slow.isOver;
  }

  #hold(connection: SlowConnection, published: Published): void {
    const slow = this.#slow.get(connection);
    if (slow === undefined || slow.isOver) return;
    const { held } = slow;
    const place = placeOf(published, held);
    const older = held.get(place);
    if (older !== undefined) {
      held.delete(place);
      slow.bytes -= older.frame.byteLength;
      this.#counters.eventsSkipped += 1;
    }
    held.set(place, published);
    slow.bytes += published.frame.byteLength;
    const { heldFrames, heldBytes } = this.#limits;
    if (held.size <= heldFrames && slow.bytes <= heldBytes) return;
    slow.isOver = true;
    held.clear();
    slow.end();
  }

  /** The socket has read something. */
  onDrain(connection: SlowConnection): void {
    const found = this.#found.get(connection);
    if (found !== undefined) {
      // There is room again, and what has just been published may go out before what was lost.
      if (found.thrownAway < found.lost.length) found.isUncertain = true;
      else this.begin(connection);
    }
    const slow = this.#slow.get(connection);
    if (slow === undefined || slow.isOver || slow.socket.getBufferedAmount() > 0) return;
    for (const [place, { key, frame }] of slow.held) {
      slow.held.delete(place);
      slow.bytes -= frame.byteLength;
      if (!connection.isSubscribed(key)) continue;
      if (slow.socket.send(frame.toString('utf8')) !== SENT) return;
    }
    this.end(connection);
    for (const topic of slow.topics)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- topics are the keys of channels
      if (connection.isSubscribed(topic as ChannelKey)) slow.socket.subscribe(topic);
  }

  /** The connection has unsubscribed. */
  left(connection: SlowConnection, key: ChannelKey): void {
    const slow = this.#slow.get(connection);
    if (slow === undefined) return;
    this.#forget(connection, slow, key);
    for (const [place, { key: of, frame }] of slow.held) {
      if (of !== key) continue;
      slow.held.delete(place);
      slow.bytes -= frame.byteLength;
    }
  }

  /** The connection is slow no more, or closed. */
  end(connection: SlowConnection): void {
    this.#found.delete(connection);
    const slow = this.#slow.get(connection);
    if (slow === undefined) return;
    this.#slow.delete(connection);
    const topics = [...slow.topics];
    for (const topic of topics) this.#topics.get(topic)?.delete(connection);
    for (const topic of topics) if (this.#topics.get(topic)?.size === 0) this.#topics.delete(topic);
  }

  #forget(connection: SlowConnection, slow: Slow, topic: string): void {
    slow.topics.delete(topic);
    const others = this.#topics.get(topic);
    others?.delete(connection);
    if (others?.size === 0) this.#topics.delete(topic);
  }
}

/** Where a frame is held: events of one name and channel share a place, what Fanfare says has one of its own. */
function placeOf(published: Published, held: ReadonlyMap<string, unknown>): string {
  published.event ??= eventOf(published.frame);
  if (!published.event.startsWith('pusher')) return `${published.key}\n${published.event}`;
  let count = held.size;
  while (held.has(`${count}`)) count += 1;
  return `${count}`;
}

function eventOf(frame: Buffer): string {
  const { event }: { readonly event?: unknown } = JSON.parse(frame.toString('utf8'));
  return String(event);
}

function isAmong(published: readonly Published[], bytes: Buffer): boolean {
  return published.some(({ frame }) => frame.equals(bytes));
}
