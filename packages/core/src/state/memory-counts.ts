import { appOfKey, type ChannelKey } from '@fanfare/protocol';
import type { CountWish, Share, Subject } from '../ports/state.ts';
import type { PartitionEvents } from './memory-partition.ts';
import { countEvent } from './subject.ts';
import { countTiming } from './timing.ts';

/** A channel whose count somebody wants to hear. */
interface Counted {
  readonly wish: Pick<CountWish, 'subscribers' | 'app'>;
  /** When its count was last told, and what the app was told then. */
  readonly toldMs: number;
  readonly told: number;
}

const { delayMs, many, intervalMs, orphanMs } = countTiming;

/** Who is to be told how many subscriptions a channel has, and when. */
export class MemoryCounts {
  readonly #totalOf: (channel: ChannelKey) => number;
  readonly #events: Pick<PartitionEvents, 'emit' | 'countTold'>;
  readonly #retryMs: number;
  readonly #counted = new Map<ChannelKey, Counted>();
  readonly #due = new Map<ChannelKey, number>();

  constructor(
    totalOf: (channel: ChannelKey) => number,
    events: Pick<PartitionEvents, 'emit' | 'countTold'>,
    retryMs: number,
  ) {
    this.#totalOf = totalOf;
    this.#events = events;
    this.#retryMs = retryMs;
  }

  /** When the next count is due; Infinity if none is. */
  get dueMs(): number {
    // Not as arguments of Math.min: there may be too many.
    let first = Infinity;
    for (const atMs of this.#due.values()) first = Math.min(first, atMs);
    return first;
  }

  /** From when on a count that is due is everybody's: whoever set it in motion may be dead. */
  get orphanMs(): number {
    return this.dueMs + orphanMs;
  }

  /** One share of a report. Returns when the count that it has set in motion is due to be told, if it has. */
  reported(
    { subject: { kind, channel }, wish }: Share,
    changed: boolean,
    nowMs: number,
    graceUntilMs: number,
  ): number | undefined {
    // Somebody may have wanted to hear it who is no more.
    if (changed && wish === undefined && kind === 'channel' && this.#totalOf(channel) === 0)
      this.#counted.delete(channel);
    if (wish === undefined || (!changed && !wish.asked)) return undefined;
    const { toldMs = 0, told = 0 } = this.#counted.get(channel) ?? {};
    this.#counted.set(channel, { wish, toldMs, told });
    return this.#tellAt(channel, nowMs + delayMs, nowMs, graceUntilMs);
  }

  /** What a fenced incarnation held is told in the step that takes it away. */
  takenAway({ kind, channel }: Subject, nowMs: number, graceUntilMs: number): void {
    if (kind === 'channel' && this.#counted.has(channel))
      this.#tellAt(channel, nowMs, nowMs, graceUntilMs);
  }

  /** Not sooner than a channel with many subscriptions may be told again. */
  #tellAt(channel: ChannelKey, atMs: number, nowMs: number, graceUntilMs: number): number {
    const { toldMs = 0 } = this.#counted.get(channel) ?? {};
    const isMany = this.#totalOf(channel) > many;
    // Bounded by the clock, which may have gone back.
    const pausedMs = isMany ? Math.min(toldMs, nowMs) + intervalMs : atMs;
    const dueMs = Math.max(atMs, pausedMs, graceUntilMs > nowMs ? graceUntilMs : 0);
    this.#due.set(channel, Math.min(dueMs, this.#due.get(channel) ?? Infinity));
    return dueMs;
  }

  tellDue(max: number, nowMs: number): void {
    const due = [...this.#due]
      .filter(([, atMs]) => atMs <= nowMs)
      .toSorted(([one, a], [other, b]) => a - b || (one < other ? -1 : 1))
      .slice(0, max);
    for (const [channel] of due) {
      this.#due.delete(channel);
      const counted = this.#counted.get(channel);
      if (counted !== undefined) this.#tell(channel, counted, nowMs);
    }
  }

  #tell(channel: ChannelKey, { wish, toldMs, told }: Counted, nowMs: number): void {
    const total = this.#totalOf(channel);
    // It may have become many since this was set down.
    if (total > many && toldMs <= nowMs && nowMs < toldMs + intervalMs) {
      this.#due.set(channel, toldMs + intervalMs);
      return;
    }
    if (wish.subscribers && total > 0) this.#events.countTold(channel, total);
    let heard = total;
    if (wish.app && total !== told) {
      const event = countEvent(channel, total);
      if (!this.#events.emit(appOfKey(channel), event, nowMs)) {
        heard = told;
        this.#due.set(channel, nowMs + this.#retryMs);
      }
    }
    if (total === 0 && heard === 0) this.#counted.delete(channel);
    else this.#counted.set(channel, { wish, toldMs: nowMs, told: heard });
  }
}
