import { setTimeout as pause } from 'node:timers/promises';
import { hookOfLane, type App, type AppRegistry, type Webhook } from '@fanfare/core';
import type { AppId } from '@fanfare/protocol';
import type { Claims, HeldLane } from './claims.ts';
import { deliver, type Outcome } from './deliver.ts';
import type { WebhookEvents } from './events.ts';
import type { Gate } from './gate.ts';
import type { WorkerOptions } from './options.ts';
import { headersOf, payloadOf, type Payload } from './payload.ts';
import { givenUp, giveUpAtMs, retryDelayMs } from './retry.ts';
import type { Settled, Settling } from './settling.ts';
import type { Slots } from './slots.ts';

/** What carrying needs of the worker around it. */
export interface CarryDeps {
  readonly apps: AppRegistry;
  readonly claims: Claims;
  readonly settling: Settling;
  readonly slots: Slots;
  readonly events: WebhookEvents;
  readonly options: WorkerOptions;
  readonly stopping: AbortSignal;
  /** A partition has more to claim; there is no need to wait until it is due. */
  readonly again: (partition: number) => void;
}

export interface Target {
  readonly app: App;
  readonly hook: Webhook;
}

/** The hook of a lane, or undefined while nobody here knows it. */
export function targetOf(apps: AppRegistry, id: AppId, lane: string): Target | undefined {
  const app = apps.byId(id);
  const hook = app?.webhooks.find((each) => each.id === hookOfLane(lane));
  return app === undefined || hook === undefined ? undefined : { app, hook };
}

/**
 * The life of one batch: attempts with pauses in between until its events are delivered, given up
 * or no longer ours. The lanes stay claimed meanwhile, so that every attempt has the same content.
 */
export async function carry(
  batch: readonly HeldLane[],
  gate: Gate,
  deps: CarryDeps,
): Promise<void> {
  await new Carrying(batch, gate, deps).run();
}

/** What an attempt came to: undefined, or that the batch is done with. */
type Step = Outcome | 'done';

class Carrying {
  readonly #gate: Gate;
  readonly #deps: CarryDeps;
  readonly #failedBefore: number;
  #lanes: readonly HeldLane[];
  #payload: Payload | undefined;
  #failures = 0;

  constructor(batch: readonly HeldLane[], gate: Gate, deps: CarryDeps) {
    this.#lanes = batch;
    this.#gate = gate;
    this.#deps = deps;
    this.#failedBefore = Math.max(...batch.map(({ lane }) => lane.attempts));
  }

  async run(): Promise<void> {
    const { stopping, options } = this.#deps;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other is the point
      const outcome = await this.#attempt();
      if (outcome === 'done') return;
      this.#failures += 1;
      if (Date.now() >= this.#giveUpAtMs()) {
        // oxlint-disable-next-line no-await-in-loop -- the last step
        await this.#giveUp();
        return;
      }
      const failures = this.#failedBefore + this.#failures;
      const delayMs = retryDelayMs(failures, outcome.retryAfterMs, options.retry, Math.random);
      if (this.#deps.claims.count > options.heldLanes / 2) {
        // Too much waits here for endpoints that fail; what was tried may be grouped anew.
        // oxlint-disable-next-line no-await-in-loop -- the last step
        await this.#giveBack(delayMs);
        return;
      }
      try {
        // oxlint-disable-next-line no-await-in-loop -- as above
        await pause(delayMs, undefined, { signal: stopping });
      } catch {
        // The worker stops, and another goes on.
        // oxlint-disable-next-line no-await-in-loop -- the last step
        await this.#giveBack(delayMs);
        return;
      }
    }
  }

  async #attempt(): Promise<Step> {
    const gate = this.#gate;
    const pass = await gate.enter({ fresh: this.#failures === 0, untilMs: this.#giveUpAtMs() });
    if (pass === 'stopped') return this.#giveBack(0);
    if (pass === 'late') return this.#giveUp();
    if (pass === 'busy') return this.#giveBack(gate.pauseMs() + this.#spreadMs());
    const target = this.#target();
    if (target === undefined) {
      gate.cancelled();
      return this.#giveBack(this.#deps.options.unknownHookMs);
    }
    const { host } = new URL(target.hook.url);
    const free = await this.#deps.slots.take({ host, proven: gate.proven });
    try {
      const outcome = this.#deps.stopping.aborted ? 'lost' : await this.#send(target);
      if (typeof outcome === 'string') {
        gate.cancelled();
        return await this.#giveBack(outcome === 'lost' ? 0 : this.#deps.options.pollMs);
      }
      if (outcome.kind !== '2xx') {
        this.#failed(pass, outcome, target);
        return outcome;
      }
      if (gate.succeeded()) this.#deps.events.recovered(target.hook);
    } finally {
      free();
    }
    await Promise.all(this.#lanes.map((held) => this.#acknowledge(held)));
    return 'done';
  }

  async #acknowledge(held: HeldLane): Promise<void> {
    await this.#deps.claims.acknowledge(held);
    if (held.more) this.#deps.again(held.lane.partition);
  }

  async #send({ app, hook }: Target): Promise<Outcome | 'lost' | 'unsettled'> {
    const { claims, options, events } = this.#deps;
    const sure = await claims.ensure(this.#lanes, options.timeoutMs + options.leaseMs / 10);
    if (sure.length < this.#lanes.length) this.#payload = undefined;
    this.#lanes = sure;
    if (sure.length === 0) return 'lost';
    const settled = this.#failures === 0 ? await this.#settle() : 'settled';
    if (settled === 'unsettled') return settled;
    const entries = sure.flatMap(({ lane }) => lane.entries);
    if (settled === 'unsure') events.unsettled(entries.length);
    this.#payload ??= payloadOf(hook.id, entries, hook.dialect);
    const attempt = this.#failedBefore + this.#failures + 1;
    const startedMs = performance.now();
    const outcome = await deliver({
      url: hook.url,
      headers: headersOf(this.#payload, app, hook.headers, attempt),
      body: this.#payload.body,
      timeoutMs: options.timeoutMs,
    });
    events.attempted(hook, outcome, {
      attempt,
      events: entries.length,
      ms: performance.now() - startedMs,
    });
    return outcome;
  }

  #failed(pass: Parameters<Gate['failed']>[0], outcome: Outcome, { hook }: Target): void {
    const { options, events } = this.#deps;
    const broke = this.#gate.failed(pass, outcome.text, (failures) =>
      retryDelayMs(failures, outcome.retryAfterMs, options.retry, Math.random),
    );
    if (broke) events.failing(hook, outcome);
  }

  /** What the store has told us is written where a failover does not lose it. */
  async #settle(): Promise<Settled> {
    const { settling, events } = this.#deps;
    const partitions = [...new Set(this.#lanes.map(({ lane }) => lane.partition))];
    try {
      return await settling.settle(partitions);
    } catch (error) {
      events.storeFailed(error);
      return 'unsettled';
    }
  }

  #target(): Target | undefined {
    const lane = this.#lanes[0]?.lane;
    return lane && targetOf(this.#deps.apps, lane.app, lane.hook);
  }

  #giveUpAtMs(): number {
    const { retry } = this.#deps.options;
    return Math.min(
      ...this.#lanes.map(({ lane, claimedMs, aheadMs }) =>
        giveUpAtMs(lane, { sinceMs: claimedMs, aheadMs }, retry),
      ),
    );
  }

  #spreadMs(): number {
    return Math.ceil(Math.random() * this.#deps.options.spreadMs);
  }

  /** What is too old becomes dead letters; what is not is tried again as a batch of its own. */
  async #giveUp(): Promise<'done'> {
    await Promise.all(
      this.#lanes.map((held) =>
        giveUpLane(
          held,
          { reason: this.#gate.lastFailure, sinceMs: held.claimedMs, delayMs: 0 },
          this.#deps,
        ),
      ),
    );
    return 'done';
  }

  async #giveBack(delayMs: number): Promise<'done'> {
    const { claims } = this.#deps;
    await Promise.all(
      this.#lanes.map((held) =>
        this.#failures > 0 ? claims.postpone(held, delayMs) : claims.release(held, delayMs),
      ),
    );
    return 'done';
  }
}

export interface GivingUp {
  readonly reason: string;
  /** Since when delivery was tried. */
  readonly sinceMs: number;
  /** When the lane is due again if nothing of it is too old. */
  readonly delayMs: number;
}

/** Gives up what is too old of the lane, or else gives the lane back for a while. */
export async function giveUpLane(
  held: HeldLane,
  { reason, sinceMs, delayMs }: GivingUp,
  { claims, events, options }: CarryDeps,
): Promise<void> {
  const { lane, aheadMs } = held;
  const old = givenUp(lane, { sinceMs, aheadMs }, Date.now(), options.retry);
  if (old.length === 0) {
    await claims.release(held, delayMs);
    return;
  }
  events.abandoned(lane, old.length, reason);
  await claims.abandon(held, { ...lane, entries: old }, reason);
}
