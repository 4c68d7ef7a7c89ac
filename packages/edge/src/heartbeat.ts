/** What the wheel needs to know of a connection, and may ask of it. */
export interface Beating {
  /** The wheel's tick at which something last came in. The owner sets it from `now`. */
  lastSeenTick: number;
  /** The tick at which an unanswered PING went out; -1 for none. The wheel's own. */
  pingedTick: number;
  /** The tick at which the wheel looks again. The wheel's own. */
  dueTick: number;
  ping(): void;
  /** The peer did not answer. */
  expire(): void;
}

export type Beat = 'wait' | 'ping' | 'expire';

export interface HeartbeatOptions {
  /** Silence after which a PING goes out. */
  readonly pingSeconds: number;
  /** Time the peer has to answer it. */
  readonly pongSeconds: number;
}

/** Decides what is due for a connection at a tick, and when to look again. One tick is a second. */
export function stepHeartbeat(
  { lastSeenTick, pingedTick }: Readonly<Pick<Beating, 'lastSeenTick' | 'pingedTick'>>,
  now: number,
  { pingSeconds, pongSeconds }: HeartbeatOptions,
): { readonly beat: Beat; readonly nextTick: number } {
  const unanswered = pingedTick !== -1 && lastSeenTick < pingedTick;
  if (unanswered) {
    const expiry = pingedTick + pongSeconds;
    return now >= expiry ? { beat: 'expire', nextTick: now } : { beat: 'wait', nextTick: expiry };
  }
  const pingAt = lastSeenTick + pingSeconds;
  if (now < pingAt) return { beat: 'wait', nextTick: pingAt };
  return { beat: 'ping', nextTick: now + pongSeconds };
}

/**
 * One timer for all sockets. Each stands in the slot of the second in which it is next looked at;
 * traffic only moves `lastSeenTick`, so a busy socket costs nothing between two looks.
 */
export class HeartbeatWheel {
  readonly #options: HeartbeatOptions;
  readonly #slots: readonly Set<Beating>[];
  readonly #onTick: (now: number) => void;
  #now = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `onTick` is called every second, with the tick. */
  constructor(options: HeartbeatOptions, onTick: (now: number) => void = () => {}) {
    this.#options = options;
    this.#onTick = onTick;
    const span = Math.max(options.pingSeconds, options.pongSeconds) + 1;
    this.#slots = Array.from({ length: span }, () => new Set());
  }

  /** The current tick. */
  get now(): number {
    return this.#now;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.tick(), 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  add(connection: Beating): void {
    connection.lastSeenTick = this.#now;
    this.#put(connection, this.#now + this.#options.pingSeconds);
  }

  remove(connection: Beating): void {
    this.#slot(connection.dueTick).delete(connection);
  }

  tick(): void {
    this.#now += 1;
    this.#onTick(this.#now);
    const slot = this.#slot(this.#now);
    if (slot.size === 0) return;
    const due = [...slot];
    slot.clear();
    for (const connection of due) {
      const { beat, nextTick } = stepHeartbeat(connection, this.#now, this.#options);
      if (beat === 'expire') {
        connection.expire();
        continue;
      }
      this.#put(connection, nextTick);
      if (beat === 'ping') {
        connection.pingedTick = this.#now;
        connection.ping();
      }
    }
  }

  #put(connection: Beating, tick: number): void {
    connection.dueTick = tick;
    this.#slot(tick).add(connection);
  }

  #slot(tick: number): Set<Beating> {
    const slot = this.#slots[tick % this.#slots.length];
    if (slot === undefined) throw new Error(`no slot for tick ${tick}`);
    return slot;
  }
}
