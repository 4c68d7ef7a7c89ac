import assert from 'node:assert/strict';
import { appOfKey } from '@fanfare/protocol';
import type {
  ClaimedLane,
  DeadLane,
  OutboxEntry,
  Routing,
  Unrouted,
  WebhookEvent,
} from '../ports/outbox.ts';
import { outboxLimits } from '../state/timing.ts';
import { lobby, type StateStory } from './state-story.ts';

const NONE = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 0 };
const ALL = { lanes: 10, entries: 100 };
export const LEASE_MS = 15_000;
export const app = appOfKey(lobby);

/** Where a test writes events and hands them on; events are known by their numbers. */
export class Desk {
  readonly state: StateStory['state'];
  readonly partition: number;
  readonly #story: StateStory;
  #next = 0;

  constructor(story: StateStory) {
    this.#story = story;
    this.state = story.state;
    this.partition = story.state.partitionOf(lobby);
  }

  async append(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      assert.equal(await this.state.append(this.partition, app, clientEvent(this.#next)), 'taken');
      this.#next += 1;
    }
  }

  async unrouted(max = 100): Promise<{ readonly entries: readonly OutboxEntry[] }> {
    const [unrouted] = await this.allUnrouted(max);
    assert.ok(unrouted !== undefined);
    return unrouted;
  }

  async timeMs(): Promise<number> {
    return (await this.state.poll(this.partition, { ...NONE, unrouted: 1 })).nowMs;
  }

  async allUnrouted(max: number): Promise<readonly Unrouted[]> {
    return (await this.state.poll(this.partition, { ...NONE, unrouted: max })).unrouted;
  }

  async route(
    entries: readonly OutboxEntry[],
    wanted: Readonly<Record<string, readonly OutboxEntry[]>>,
  ): Promise<readonly DeadLane[]> {
    const routings: readonly Routing[] = Object.entries(wanted).map(([hook, of]) => ({
      hook,
      entries: of,
    }));
    return this.state.route(this.partition, { app, entries }, routings);
  }

  /** Puts so many events into lanes that are due. */
  async load(lanes: Readonly<Record<string, number>>): Promise<void> {
    for (const [hook, count] of Object.entries(lanes)) {
      this.#next = 0;
      await this.append(count);
      const { entries } = await this.unrouted();
      await this.route(entries, { [hook]: entries });
    }
    this.#story.stall(outboxLimits.gatherMs);
  }

  async claim(token: string, max = ALL): Promise<readonly ClaimedLane[]> {
    const wanted = { ...NONE, ...max, token, leaseMs: LEASE_MS };
    return (await this.state.poll(this.partition, wanted)).lanes;
  }

  async claimed(token: string): Promise<Readonly<Record<string, readonly number[]>>> {
    const lanes = await this.claim(token);
    return Object.fromEntries(lanes.map(({ hook, entries }) => [hook, numbers(entries)]));
  }

  async giveUp(hook: string, count: number, reason: string): Promise<void> {
    for (const lane of await this.claim(`give up ${reason}`, { lanes: 10, entries: count })) {
      if (lane.hook === hook) assert.equal(await this.state.abandon(lane, reason), true);
      else await this.state.release(lane);
    }
  }
}

export function clientEvent(number: number): WebhookEvent {
  return {
    name: 'client_event',
    channel: 'lobby',
    event: 'client-tick',
    data: String(number),
    socket_id: '1.1',
  };
}

export function numbers(entries: readonly OutboxEntry[]): readonly number[] {
  return entries.map(({ event }) => (event.name === 'client_event' ? Number(event.data) : NaN));
}

export function isOdd(entry: OutboxEntry): boolean {
  return numbers([entry]).every((number) => number % 2 === 1);
}
