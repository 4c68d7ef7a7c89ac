import type { ClaimedLane } from '@fanfare/core';
import { batchesOf } from './batch.ts';
import { carry, giveUpLane, targetOf, type CarryDeps, type Target } from './carry.ts';
import type { HeldLane } from './claims.ts';
import { Gate } from './gate.ts';

/** Lanes of one hook on their way. It stays when it has none: how the endpoint fared is worth knowing. */
interface HookQueue {
  readonly gate: Gate;
  /** Claimed, and waiting for others to share a request with. */
  gathering: HeldLane[];
  timer: NodeJS.Timeout | undefined;
  /** Lanes whose batch is on its way. */
  carried: number;
}

/** Hooks that are remembered, of whatever settings there ever were. */
const QUEUES_MAX = 10_000;

/** Takes claimed lanes to where they go: each hook has a queue of its own, so that none waits for another. */
export class Dispatch {
  readonly #deps: CarryDeps;
  readonly #queues = new Map<string, HookQueue>();
  readonly #running = new Set<Promise<void>>();
  /** Lanes of hooks that nobody here knows, and since when. */
  readonly #unknownSinceMs = new Map<string, number>();

  constructor(deps: CarryDeps) {
    this.#deps = deps;
  }

  /** `claimedMs` is a time before the store was asked for them, by a clock so far ahead of the store's. */
  add(lanes: readonly ClaimedLane[], claimedMs: number, aheadMs: number): void {
    const { claims, apps, options } = this.#deps;
    const touched = new Set<HookQueue>();
    for (const lane of lanes) {
      const held = claims.hold(lane, claimedMs, aheadMs);
      const target = targetOf(apps, lane.app, lane.hook);
      const queue = target === undefined ? this.#unknown(held) : this.#queue(target, held);
      if (queue !== undefined) touched.add(queue);
    }
    for (const queue of touched) {
      const events = queue.gathering.reduce((sum, { lane }) => sum + lane.entries.length, 0);
      if (events >= options.maxEvents) this.#flush(queue);
    }
  }

  /** Resolves when nothing is on its way any more. Whatever waits is given back. */
  async stop(): Promise<void> {
    for (const queue of this.#queues.values()) {
      clearTimeout(queue.timer);
      queue.gate.stop();
      for (const held of queue.gathering.splice(0)) this.#run(this.#deps.claims.release(held, 0));
    }
    await Promise.all(this.#running);
  }

  #unknown(held: HeldLane): undefined {
    const { events, options } = this.#deps;
    const key = `${held.lane.app}/${laneKey(held.lane)}`;
    const sinceMs = this.#unknownSinceMs.get(key) ?? held.claimedMs;
    // To begin anew gives them more time than they need.
    if (this.#unknownSinceMs.size >= options.heldLanes) this.#unknownSinceMs.clear();
    this.#unknownSinceMs.set(key, sinceMs);
    events.unknownHook(held.lane);
    const reason = 'there is no such webhook any more';
    this.#run(giveUpLane(held, { reason, sinceMs, delayMs: options.unknownHookMs }, this.#deps));
  }

  /** The hook's queue if the lane is in it now. */
  #queue({ app, hook }: Target, held: HeldLane): HookQueue | undefined {
    const { options, claims } = this.#deps;
    const queue = this.#queueOf(`${app.id}/${hook.id}`);
    this.#unknownSinceMs.delete(`${app.id}/${laneKey(held.lane)}`);
    const { gate, gathering } = queue;
    const spreadMs = Math.ceil(Math.random() * options.spreadMs);
    if (gate.failing && (gate.hasFresh || gathering.length > 0)) {
      const sinceMs = gate.failingSinceMs;
      const pauseMs = gate.pauseMs();
      const delayMs = Math.ceil(pauseMs + spreadMs + Math.random() * pauseMs);
      const reason = gate.lastFailure;
      this.#run(giveUpLane(held, { reason, sinceMs, delayMs }, this.#deps));
      return undefined;
    }
    if (queue.carried + gathering.length >= this.#allowance(gate)) {
      this.#run(claims.release(held, spreadMs));
      return undefined;
    }
    gathering.push(held);
    queue.timer ??= setTimeout(() => this.#flush(queue), options.mergeMs);
    return queue;
  }

  /** How many lanes a hook may hold. The fuller it gets here, the fewer for one that may hang. */
  #allowance(gate: Gate): number {
    const { claims, options } = this.#deps;
    if (gate.proven) return options.hookLanes;
    const room = 1 - claims.count / (options.heldLanes / 2);
    return Math.max(1, Math.floor(options.hookLanes * room));
  }

  #queueOf(key: string): HookQueue {
    const known = this.#queues.get(key);
    if (known !== undefined) return known;
    const gate = new Gate(this.#deps.options.requestsPerHost);
    if (this.#queues.size >= QUEUES_MAX) this.#forgetIdle();
    const queue: HookQueue = { gate, gathering: [], timer: undefined, carried: 0 };
    this.#queues.set(key, queue);
    return queue;
  }

  #forgetIdle(): void {
    for (const [key, { carried, gathering }] of this.#queues)
      if (carried === 0 && gathering.length === 0) this.#queues.delete(key);
  }

  #flush(queue: HookQueue): void {
    const { options, apps } = this.#deps;
    clearTimeout(queue.timer);
    queue.timer = undefined;
    const held = new Map(queue.gathering.splice(0).map((each) => [laneKey(each.lane), each]));
    const lanes = [...held.values()].map(({ lane }) => lane);
    const [first] = lanes;
    const target = first && targetOf(apps, first.app, first.hook);
    const max = { events: options.maxEvents, bytes: options.maxBytes };
    for (const batch of batchesOf(lanes, target?.hook.dialect ?? 'pusher', max))
      this.#carry(
        queue,
        batch.flatMap((lane) => {
          const own = held.get(laneKey(lane));
          if (own === undefined) return [];
          own.more = lane.entries.length < own.lane.entries.length;
          own.lane = lane;
          return [own];
        }),
      );
  }

  #carry(queue: HookQueue, batch: readonly HeldLane[]): void {
    queue.carried += batch.length;
    this.#run(
      carry(batch, queue.gate, this.#deps).finally(() => {
        queue.carried -= batch.length;
      }),
    );
  }

  #run(work: Promise<void>): void {
    const done = work
      .catch((error: unknown) => this.#deps.events.defect(error))
      .finally(() => {
        this.#running.delete(done);
      });
    this.#running.add(done);
  }
}

/** Within one app. */
function laneKey({ partition, hook }: ClaimedLane): string {
  return `${partition}/${hook}`;
}
