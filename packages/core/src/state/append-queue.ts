import { appOfKey, type ChannelKey } from '@fanfare/protocol';
import type { Appended, Outbox, WebhookEvent } from '../ports/outbox.ts';
import type { Subject } from '../ports/state.ts';

/** An event of one of this edge's sockets; the app hears of its channel and its member first. */
export type SocketEvent = Extract<WebhookEvent, { name: 'client_event' }>;

/** How many events may still wait, in whatever partition of the edge. */
export interface AppendRoom {
  left: number;
}

export interface AppendQueueParts {
  readonly partition: number;
  readonly store: Pick<Outbox, 'append'>;
  /** The subjects, of these, that the app is told of. */
  readonly told: (subjects: readonly Subject[]) => readonly Subject[];
  /** The store knows that this edge holds each of them. */
  readonly knows: (subjects: readonly Subject[]) => boolean;
  /** This edge holds each of them. */
  readonly holds: (subjects: readonly Subject[]) => boolean;
  readonly room: AppendRoom;
  /** Pause before an event that came too early is tried again. */
  readonly retryMs: number;
  /** From now on an event waits for its turn. */
  readonly onWaiting: () => void;
}

/** An event on its way to the outbox. */
export interface Append {
  readonly channel: ChannelKey;
  readonly event: SocketEvent;
  /** What the app has to hear of before. */
  readonly subjects: readonly Subject[];
}

interface WaitingAppend extends Append {
  readonly untilMs: number;
  readonly resolve: (taken: boolean) => void;
  dueMs: number;
}

/**
 * The events of one partition that the store is to write behind what it announces of their channel
 * and member. Those of channels that it knows of go straight through; the others wait here, each
 * channel's in their order, and no channel's behind another's.
 */
export class AppendQueue {
  readonly #parts: AppendQueueParts;
  readonly #waiting = new Map<ChannelKey, WaitingAppend[]>();
  #closed = false;

  constructor(parts: AppendQueueParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** When the next event may be tried. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const [first] of this.#waiting.values())
      if (first !== undefined && first.dueMs < dueMs) dueMs = first.dueMs;
    return dueMs;
  }

  /** Resolves with false when the event is not kept; rejects when the store failed. */
  async append(channel: ChannelKey, event: SocketEvent, untilMs: number): Promise<boolean> {
    const { told, knows } = this.#parts;
    const append = { channel, event, subjects: told(subjectsOf(channel, event)) };
    if (!this.#waiting.has(channel) && knows(append.subjects)) {
      const appended = await this.#write(append);
      if (!this.#isEarly(append, appended)) return appended === 'taken';
    }
    return this.#wait(append, untilMs);
  }

  /** The first event that may be tried now. */
  next(nowMs: number): Append | undefined {
    for (const [first] of this.#waiting.values())
      if (first !== undefined && first.dueMs <= nowMs) return first;
    return undefined;
  }

  /** Tries what `next` has named. A write that failed is not repeated: it may have been done. */
  async attempt({ channel }: Append, nowMs: number): Promise<void> {
    const first = this.#waiting.get(channel)?.[0];
    if (first === undefined) return;
    let appended: Appended | undefined;
    try {
      appended = await this.#write(first);
    } finally {
      if (appended !== undefined && this.#isEarly(first, appended))
        first.dueMs = nowMs + this.#parts.retryMs;
      else this.#settle(first, appended === 'taken');
    }
  }

  giveUp(nowMs: number): void {
    for (const waiting of [...this.#waiting.values()].flat())
      if (waiting.untilMs <= nowMs) this.#settle(waiting, false);
  }

  /** What still waits is not kept, nor is anything that comes later. */
  close(): void {
    this.#closed = true;
    this.giveUp(Infinity);
  }

  async #wait(append: Append, untilMs: number): Promise<boolean> {
    const { room, onWaiting } = this.#parts;
    if (this.#closed || room.left <= 0) return false;
    room.left -= 1;
    return new Promise((resolve) => {
      const waiting = { ...append, untilMs, resolve, dueMs: 0 };
      const others = this.#waiting.get(append.channel);
      if (others === undefined) this.#waiting.set(append.channel, [waiting]);
      else others.push(waiting);
      onWaiting();
    });
  }

  #settle(waiting: WaitingAppend, taken: boolean): void {
    const queue = this.#waiting.get(waiting.channel) ?? [];
    const rest = queue.filter((each) => each !== waiting);
    // It was settled before, while the store was asked.
    if (rest.length === queue.length) return;
    if (rest.length > 0) this.#waiting.set(waiting.channel, rest);
    else this.#waiting.delete(waiting.channel);
    this.#parts.room.left += 1;
    waiting.resolve(taken);
  }

  async #write({ channel, event, subjects }: Append): Promise<Appended> {
    const { store, partition } = this.#parts;
    return store.append(partition, appOfKey(channel), event, subjects);
  }

  /** Of what this edge no longer holds, nothing will be announced on its behalf. */
  #isEarly({ subjects }: Append, appended: Appended): boolean {
    return appended === 'early' && this.#parts.holds(subjects);
  }
}

function subjectsOf(channel: ChannelKey, { user_id: user }: SocketEvent): readonly Subject[] {
  const subjects: Subject[] = [{ kind: 'channel', channel }];
  if (user !== undefined) subjects.push({ kind: 'member', channel, user });
  return subjects;
}
