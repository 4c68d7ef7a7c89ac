import type { AppId } from '@fanfare/protocol';
import {
  LANE_FULL,
  replayLane,
  type Backlog,
  type ClaimedLane,
  type DeadLane,
  type DeadLaneName,
  type DeadLetter,
  type OutboxEntry,
  type Routing,
  type Unrouted,
  type Wanted,
  type WebhookEvent,
} from '../ports/outbox.ts';
import type { OutboxLimits } from './timing.ts';

/** A lane's events are delivered by one worker at a time, in order. */
interface Lane {
  readonly app: AppId;
  readonly hook: string;
  entries: OutboxEntry[];
  token: string;
  attempts: number;
  /** When a worker may next claim it. */
  dueMs: number;
}

interface DeadLetters extends DeadLaneName {
  readonly letters: readonly DeadLetter[];
}

/** The events of one partition on their way to webhooks. As `MemoryPartition`, each method is one atomic step. */
export class MemoryOutbox {
  readonly #partition: number;
  readonly #apps = new Map<AppId, OutboxEntry[]>();
  /** A lane is there while it has events. */
  readonly #lanes = new Map<string, Lane>();
  readonly #dead = new Map<string, DeadLetters>();
  readonly #limits: OutboxLimits;
  #lastMs = 0;
  #sequence = 0;

  constructor(partition: number, limits: OutboxLimits) {
    this.#partition = partition;
    this.#limits = limits;
  }

  isOutOfRoom(app: AppId): boolean {
    return (this.#apps.get(app)?.length ?? 0) >= this.#limits.unroutedEvents;
  }

  append(app: AppId, event: WebhookEvent, nowMs: number): boolean {
    if (this.isOutOfRoom(app)) return false;
    const entries = this.#apps.get(app) ?? [];
    this.#apps.set(app, entries);
    entries.push({ id: this.#nextId(nowMs), timeMs: nowMs, event });
    return true;
  }

  unrouted(max: number): readonly Unrouted[] {
    if (max === 0) return [];
    return [...this.#apps].map(([app, entries]) => ({ app, entries: entries.slice(0, max) }));
  }

  /** Only entries that still wait are moved: a second worker with the same list finds nothing. */
  route(
    { app, entries }: Unrouted,
    routings: readonly Routing[],
    nowMs: number,
  ): readonly DeadLane[] {
    const waiting = this.#apps.get(app) ?? [];
    const known = new Set(entries.map(({ id }) => id));
    const wishes = routings.map(({ hook, entries: wanted }) => ({
      hook,
      ids: new Set(wanted.map(({ id }) => id)),
      /** Those that found the lane full. */
      late: new Array<OutboxEntry>(),
    }));
    let moved = 0;
    for (const entry of waiting) {
      if (!known.has(entry.id)) break;
      for (const { hook, ids, late } of wishes) {
        if (!ids.has(entry.id)) continue;
        if (this.#isFull(app, hook)) late.push(entry);
        else this.#lane(app, hook, nowMs).entries.push(entry);
      }
      moved += 1;
    }
    if (moved < waiting.length) this.#apps.set(app, waiting.slice(moved));
    else this.#apps.delete(app);
    const full = wishes.filter(({ late }) => late.length > 0);
    for (const { hook, late } of full) this.#bury(app, hook, late, LANE_FULL);
    return full.map(({ hook, late }) => ({ app, hook, letters: late.length }));
  }

  claim({ token, leaseMs, ...max }: Wanted, nowMs: number): readonly ClaimedLane[] {
    const due = [...this.#lanes]
      .filter(([, { dueMs }]) => dueMs <= nowMs)
      .toSorted(([one, a], [other, b]) => a.dueMs - b.dueMs || (one < other ? -1 : 1))
      .slice(0, max.lanes);
    return due.map(([, lane]) => {
      lane.token = token;
      lane.dueMs = nowMs + leaseMs;
      return {
        partition: this.#partition,
        app: lane.app,
        hook: lane.hook,
        token,
        attempts: lane.attempts,
        entries: lane.entries.slice(0, max.entries),
      };
    });
  }

  renew(claimed: ClaimedLane, leaseMs: number, nowMs: number): boolean {
    const lane = this.#held(claimed);
    if (lane === undefined) return false;
    lane.dueMs = nowMs + leaseMs;
    return true;
  }

  acknowledge(claimed: ClaimedLane, nowMs: number): boolean {
    const lane = this.#held(claimed);
    if (lane === undefined) return false;
    this.#goOn(lane, claimed, nowMs);
    return true;
  }

  postpone(claimed: ClaimedLane, delayMs: number, nowMs: number): boolean {
    const lane = this.#held(claimed);
    if (lane === undefined) return false;
    lane.token = '';
    lane.attempts += 1;
    lane.dueMs = nowMs + delayMs;
    return true;
  }

  abandon(claimed: ClaimedLane, reason: string, nowMs: number): boolean {
    const lane = this.#held(claimed);
    if (lane === undefined) return false;
    this.#bury(claimed.app, claimed.hook, claimed.entries, reason);
    this.#goOn(lane, claimed, nowMs);
    return true;
  }

  release(claimed: ClaimedLane, delayMs: number, nowMs: number): void {
    const lane = this.#held(claimed);
    if (lane === undefined) return;
    lane.token = '';
    lane.dueMs = nowMs + delayMs;
  }

  backlog(): Backlog {
    const lanes = [...this.#lanes.values()];
    const oldest = lanes.flatMap(({ entries }) => entries.slice(0, 1));
    return {
      unrouted: total([...this.#apps.values()]),
      lanes: lanes.length,
      events: total(lanes.map(({ entries }) => entries)),
      oldestMs: oldest.length === 0 ? undefined : Math.min(...oldest.map(({ timeMs }) => timeMs)),
      deadLetters: total([...this.#dead.values()].map(({ letters }) => letters)),
    };
  }

  deadLanes(): readonly DeadLane[] {
    return [...this.#dead.values()].map(({ app, hook, letters }) => ({
      app,
      hook,
      letters: letters.length,
    }));
  }

  replay({ app, hook }: DeadLaneName, to: string, max: number, nowMs: number): number {
    const key = laneKey(app, hook);
    const name = replayLane(to);
    const dead = this.#dead.get(key);
    if (dead === undefined || this.#lanes.has(laneKey(app, name))) return 0;
    const moved = dead.letters.slice(0, max);
    if (moved.length === 0) return 0;
    this.#lane(app, name, nowMs).entries.push(...moved.map(({ entry }) => entry));
    const left = dead.letters.slice(max);
    if (left.length > 0) this.#dead.set(key, { app, hook, letters: left });
    else this.#dead.delete(key);
    return moved.length;
  }

  deadLetters(app: AppId, hook: string, max: number): readonly DeadLetter[] {
    return this.#dead.get(laneKey(app, hook))?.letters.slice(-max) ?? [];
  }

  #nextId(nowMs: number): string {
    // A clock that goes back must not make ids go back.
    this.#sequence = nowMs > this.#lastMs ? 0 : this.#sequence + 1;
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    return `${this.#partition}-${this.#lastMs}-${this.#sequence}`;
  }

  #bury(app: AppId, hook: string, entries: readonly OutboxEntry[], reason: string): void {
    const key = laneKey(app, hook);
    const fresh = entries.map((entry) => ({ entry, reason }));
    const letters = [...(this.#dead.get(key)?.letters ?? []), ...fresh];
    this.#dead.set(key, { app, hook, letters: letters.slice(-this.#limits.deadLetters) });
  }

  #isFull(app: AppId, hook: string): boolean {
    const events = this.#lanes.get(laneKey(app, hook))?.entries.length ?? 0;
    return events >= this.#limits.laneEvents;
  }

  #lane(app: AppId, hook: string, nowMs: number): Lane {
    const key = laneKey(app, hook);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const dueMs = nowMs + this.#limits.gatherMs;
    const lane: Lane = { app, hook, entries: [], token: '', attempts: 0, dueMs };
    this.#lanes.set(key, lane);
    return lane;
  }

  #held({ app, hook, token }: ClaimedLane): Lane | undefined {
    const lane = this.#lanes.get(laneKey(app, hook));
    return lane?.token === token ? lane : undefined;
  }

  /** What stands behind the claimed entries is due at once; it has waited long enough. */
  #goOn(lane: Lane, { app, hook, entries }: ClaimedLane, nowMs: number): void {
    const gone = new Set(entries.map(({ id }) => id));
    lane.entries = lane.entries.filter(({ id }) => !gone.has(id));
    lane.token = '';
    lane.attempts = 0;
    lane.dueMs = nowMs;
    if (lane.entries.length === 0) this.#lanes.delete(laneKey(app, hook));
  }
}

function laneKey(app: AppId, hook: string): string {
  return `${app}/${hook}`;
}

function total(lists: readonly (readonly unknown[])[]): number {
  return lists.reduce((sum, { length }) => sum + length, 0);
}
