import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppRegistry, Outbox, Service, Unrouted } from '@fanfare/core';
import { Claims } from './claims.ts';
import { Dispatch } from './dispatch.ts';
import type { WebhookEvents } from './events.ts';
import { workerOptions, type WorkerOptions } from './options.ts';
import { routingsOf } from './router.ts';
import { Settling } from './settling.ts';
import { Slots } from './slots.ts';

export interface WorkerDeps {
  readonly outbox: Outbox;
  readonly apps: AppRegistry;
  readonly events: WebhookEvents;
  readonly options?: Partial<WorkerOptions>;
}

/** In how many groups the partitions are looked at, so that their work spreads over the interval. */
const GROUPS = 10;

/** Tends the store, routes its events and delivers them, until it is stopped. Any number may run. */
export async function startWorker(deps: WorkerDeps): Promise<Service> {
  const worker = new Worker(deps);
  worker.start();
  return {
    stop: () => worker.stop(),
    [Symbol.asyncDispose]: () => worker.stop(),
  };
}

class Worker {
  readonly #outbox: Outbox;
  readonly #apps: AppRegistry;
  readonly #events: WebhookEvents;
  readonly #options: WorkerOptions;
  readonly #claims: Claims;
  readonly #dispatch: Dispatch;
  readonly #abort = new AbortController();
  readonly #id = randomUUID();
  /** Partitions that are due to be looked at, and those that are looked at right now. */
  readonly #due = new Set<number>();
  readonly #visiting = new Map<number, Promise<void>>();
  readonly #countedMs = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #group = 0;
  #polls = 0;
  #pausedUntilMs = 0;
  #stopped: Promise<void> | undefined;

  constructor({ outbox, apps, events, options }: WorkerDeps) {
    // Every batch that waits listens.
    setMaxListeners(0, this.#abort.signal);
    this.#outbox = outbox;
    this.#apps = apps;
    this.#events = events;
    this.#options = { ...workerOptions, ...options };
    this.#claims = new Claims(outbox, this.#options.leaseMs, events);
    this.#dispatch = new Dispatch({
      apps,
      events,
      claims: this.#claims,
      settling: new Settling(outbox, this.#options),
      slots: new Slots({ all: this.#options.requests, perHost: this.#options.requestsPerHost }),
      options: this.#options,
      stopping: this.#abort.signal,
      again: (partition) => this.#again(partition),
    });
  }

  start(): void {
    const groups = Math.min(GROUPS, this.#outbox.partitions);
    this.#timer = setInterval(() => {
      for (let each = this.#group; each < this.#outbox.partitions; each += groups)
        this.#due.add(each);
      this.#group = (this.#group + 1) % groups;
      this.#visitNext();
    }, this.#options.pollMs / groups);
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#due.clear();
    this.#events.stopping(this.#claims.count);
    this.#abort.abort();
    const finished = (async () => {
      await Promise.all(this.#visiting.values());
      await this.#dispatch.stop();
    })();
    const patience = new AbortController();
    const { timeoutMs, stopMs } = this.#options;
    const late = pause(timeoutMs + stopMs, undefined, { signal: patience.signal });
    await Promise.race([finished, late]);
    patience.abort();
    late.catch(() => {
      // It was cut short on purpose.
    });
    this.#claims.stop();
  }

  #again(partition: number): void {
    if (this.#abort.signal.aborted) return;
    this.#due.add(partition);
    this.#visitNext();
  }

  #visitNext(): void {
    if (this.#abort.signal.aborted || Date.now() < this.#pausedUntilMs) return;
    for (const partition of this.#due) {
      if (this.#visiting.size >= this.#options.visits) return;
      // It stays due, and is looked at again as soon as it is free.
      if (this.#visiting.has(partition)) continue;
      this.#due.delete(partition);
      const visit = this.#visit(partition).finally(() => {
        this.#visiting.delete(partition);
        this.#visitNext();
      });
      this.#visiting.set(partition, visit);
    }
  }

  async #visit(partition: number): Promise<void> {
    try {
      const { unrouted, aheadMs } = await this.#poll(partition);
      for (const from of unrouted) {
        // oxlint-disable-next-line no-await-in-loop -- one step of the store at a time
        await this.#route(partition, from, aheadMs);
      }
      await this.#count(partition, aheadMs);
      this.#events.storeWorks();
    } catch (error) {
      this.#events.storeFailed(error);
      this.#pausedUntilMs = Date.now() + this.#options.storePauseMs;
    }
  }

  /** One call, which on most visits finds nothing. Resolves with what no hook has been chosen for yet, and by how much our clock is ahead of the store's. */
  async #poll(
    partition: number,
  ): Promise<{ readonly unrouted: readonly Unrouted[]; readonly aheadMs: number }> {
    const { leaseMs, claimLanes, heldLanes, maxEvents, routeEvents } = this.#options;
    const claims = !this.#abort.signal.aborted && this.#claims.count < heldLanes;
    const claimedMs = Date.now();
    this.#polls += 1;
    const { nowMs, tended, unrouted, lanes } = await this.#outbox.poll(partition, {
      token: `${this.#id}:${this.#polls}`,
      leaseMs,
      lanes: claims ? claimLanes : 0,
      // One more than a request takes, to see whether there are more.
      entries: maxEvents + 1,
      unrouted: routeEvents,
    });
    const aheadMs = Date.now() - nowMs;
    this.#events.tended(tended);
    if (lanes.length > 0) this.#dispatch.add(lanes, claimedMs, aheadMs);
    // Those of many failing endpoints must not make the others wait for their turn.
    if (claims && lanes.length >= claimLanes) this.#due.add(partition);
    return { unrouted, aheadMs };
  }

  async #route(partition: number, from: Unrouted, aheadMs: number): Promise<void> {
    const app = this.#apps.byId(from.app);
    if (app !== undefined) {
      const full = await this.#outbox.route(partition, from, routingsOf(app, from.entries));
      for (const lane of full) this.#events.overflowed(lane);
      return;
    }
    // Another worker may know the app already; events that nobody came for are nobody's.
    const { giveUpMs } = this.#options.retry;
    const bornMs = Date.now() - aheadMs - giveUpMs;
    const old = from.entries.filter(({ timeMs }) => timeMs <= bornMs);
    if (old.length === 0) return;
    this.#events.unknownApp(from.app, old.length);
    await this.#outbox.route(partition, { app: from.app, entries: old }, []);
  }

  async #count(partition: number, aheadMs: number): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - (this.#countedMs.get(partition) ?? 0) < this.#options.backlogMs) return;
    this.#countedMs.set(partition, nowMs);
    const backlog = await this.#outbox.backlog(partition);
    const oldestMs = backlog.oldestMs === undefined ? undefined : backlog.oldestMs + aheadMs;
    this.#events.backlog(partition, { ...backlog, oldestMs });
  }
}
