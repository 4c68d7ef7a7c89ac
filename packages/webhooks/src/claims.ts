import type { ClaimedLane, Outbox } from '@fanfare/core';
import type { WebhookEvents } from './events.ts';

/** A lane that this worker holds, as far as it knows. */
export interface HeldLane {
  /** With the entries that go into its batch, once it is in one. */
  lane: ClaimedLane;
  readonly claimedMs: number;
  /** By how much our clock is ahead of the store's, which is the one of the entries. */
  readonly aheadMs: number;
  /** More events stand behind those of the batch. */
  more: boolean;
  /** Until when nobody else has it, counted from before the store was asked. */
  untilMs: number;
  lost: boolean;
}

/** How often a claim is made longer within its lease. */
const RENEWALS = 3;
/** A pause between attempts to tell a store that does not answer. */
const RETRY_MS = 200;

/** The lanes that this worker holds, kept from running out while their batch waits or is on its way. */
export class Claims {
  readonly #outbox: Outbox;
  readonly #leaseMs: number;
  readonly #events: WebhookEvents;
  readonly #held = new Set<HeldLane>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  constructor(outbox: Outbox, leaseMs: number, events: WebhookEvents) {
    this.#outbox = outbox;
    this.#leaseMs = leaseMs;
    this.#events = events;
    this.#timer = setInterval(() => void this.#renewAll(), leaseMs / RENEWALS);
  }

  get count(): number {
    return this.#held.size;
  }

  hold(lane: ClaimedLane, claimedMs: number, aheadMs: number): HeldLane {
    const untilMs = claimedMs + this.#leaseMs;
    const held = { lane, claimedMs, aheadMs, untilMs, more: false, lost: false };
    this.#held.add(held);
    return held;
  }

  /** Those of the lanes that are held for `ms` more at least. The others are another worker's by now, or soon. */
  async ensure(lanes: readonly HeldLane[], ms: number): Promise<readonly HeldLane[]> {
    const nowMs = Date.now();
    const short = lanes.filter(({ lost, untilMs }) => !lost && untilMs - nowMs < ms);
    await Promise.all(short.map((held) => this.#renew(held)));
    const sure = lanes.filter(({ lost, untilMs }) => !lost && untilMs - Date.now() >= ms);
    for (const held of lanes) if (!sure.includes(held)) this.#lose(held);
    return sure;
  }

  /** Tells the store that the lane's entries were delivered, as long as the claim lasts. */
  async acknowledge(held: HeldLane): Promise<void> {
    await this.#finish(held, () => this.#outbox.acknowledge(held.lane));
  }

  async abandon(held: HeldLane, lane: ClaimedLane, reason: string): Promise<void> {
    await this.#finish(held, () => this.#outbox.abandon(lane, reason));
  }

  /** A store that does not hear of it finds the lane when the lease runs out. */
  async release(held: HeldLane, delayMs: number): Promise<void> {
    await this.#giveBack(held, () => this.#outbox.release(held.lane, delayMs));
  }

  /** As `release`, and the failed attempt is remembered. */
  async postpone(held: HeldLane, delayMs: number): Promise<void> {
    await this.#giveBack(held, () => this.#outbox.postpone(held.lane, delayMs));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #giveBack(held: HeldLane, tell: () => Promise<unknown>): Promise<void> {
    this.#held.delete(held);
    if (held.lost) return;
    try {
      await tell();
    } catch (error) {
      this.#events.storeFailed(error);
    }
  }

  async #finish(held: HeldLane, tell: () => Promise<boolean>): Promise<void> {
    this.#held.delete(held);
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- an attempt at a time
        if (!(await tell())) this.#events.claimLost(held.lane);
        return;
      } catch (error) {
        this.#events.storeFailed(error);
        if (Date.now() >= held.untilMs) {
          this.#events.claimLost(held.lane);
          return;
        }
        // oxlint-disable-next-line no-await-in-loop -- as above
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Told once, and not of a lane that was given back meanwhile: that is none of ours either. */
  #lose(held: HeldLane): void {
    held.lost = true;
    if (this.#held.delete(held)) this.#events.claimLost(held.lane);
  }

  async #renewAll(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const dueMs = Date.now() + (this.#leaseMs * (RENEWALS - 1)) / RENEWALS;
    const due = [...this.#held].filter(({ untilMs }) => untilMs <= dueMs);
    await Promise.all(due.map((held) => this.#renew(held)));
    this.#renewing = false;
  }

  async #renew(held: HeldLane): Promise<void> {
    const askedMs = Date.now();
    try {
      if (await this.#outbox.renew(held.lane, this.#leaseMs)) {
        held.untilMs = askedMs + this.#leaseMs;
        return;
      }
      this.#lose(held);
    } catch (error) {
      this.#events.storeFailed(error);
    }
  }
}
