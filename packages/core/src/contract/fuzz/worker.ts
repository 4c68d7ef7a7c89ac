import { isFailure } from '../../failure.ts';
import type { ClaimedLane, Outbox, OutboxEntry, Unrouted } from '../../ports/outbox.ts';
import type { Network, Process } from './network.ts';
import type { World } from './world.ts';

export interface WorkerFaults {
  /** It dies between the delivery and the acknowledgement. */
  readonly crash: number;
  /** It sleeps past its lease, before or after the delivery. */
  readonly pause: number;
  /** The endpoint answers 500, with or without having taken the events. */
  readonly refusal: number;
}

interface WorkerParts {
  readonly name: string;
  readonly world: World;
  readonly network: Network;
  readonly outbox: Outbox;
  readonly partition: number;
  readonly faults: WorkerFaults;
  /** Resolves when a failover can no longer forget what was read; false if one has happened since it was told how many there were. */
  readonly replicated: (failoversBefore: number) => Promise<boolean>;
  readonly failovers: () => number;
  readonly deliver: (hook: string, entries: readonly OutboxEntry[]) => void;
}

export const HOOKS = ['every', 'channels'] as const;
const ROOM = { leaseMs: 5_000, lanes: 2, entries: 10, unrouted: 8 };

/** A worker that does what it can and forgets everything when it dies. */
export class FuzzWorker implements Process {
  pausedUntilMs = 0;
  readonly #parts: WorkerParts;
  #faults: WorkerFaults;
  #calm = false;
  #tokens = 0;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#faults = parts.faults;
    void this.#work();
  }

  /** From now on it works without a fault, and takes its time. */
  calm(): void {
    this.#faults = { crash: 0, pause: 0, refusal: 0 };
    this.#calm = true;
  }

  async #work(): Promise<never> {
    const { world } = this.#parts;
    for (;;) {
      await world.sleep(this.#calm ? world.between(1_000, 2_000) : world.between(300, 900));
      await this.#attempt(() => this.#visit());
    }
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The link failed, or the worker died; another one or the next turn takes it up.
      if (!isFailure(error, 'unavailable') && !(error instanceof Death)) throw error;
    }
  }

  async #visit(): Promise<void> {
    const { outbox, partition, name, replicated, failovers } = this.#parts;
    this.#tokens += 1;
    const room = { token: `${name}.${this.#tokens}`, ...ROOM };
    const before = failovers();
    const { unrouted, lanes } = await this.#call(() => outbox.poll(partition, room));
    // Whatever happens to one of them, the other has been seen and is done.
    await this.#attempt(() => this.#route(unrouted));
    if (lanes.length === 0) return;
    if (!(await replicated(before))) throw new Death();
    for (const lane of lanes) await this.#deliver(lane);
  }

  async #route(unrouted: readonly Unrouted[]): Promise<void> {
    const { outbox, partition, world } = this.#parts;
    for (const from of unrouted) {
      const routings = HOOKS.map((hook) => ({ hook, entries: wanted(hook, from) }));
      if (world.chance(this.#faults.crash)) return;
      await this.#call(() => outbox.route(partition, from, routings));
    }
  }

  async #deliver(lane: ClaimedLane): Promise<void> {
    const { world, outbox, deliver } = this.#parts;
    const { crash, pause, refusal } = this.#faults;
    if (world.chance(pause)) await world.sleep(world.between(1_000, 20_000));
    if (world.chance(crash)) throw new Death();
    await world.sleep(world.between(1, 300));
    if (world.chance(refusal)) {
      if (world.chance(0.5)) deliver(lane.hook, lane.entries);
      await this.#call(() => outbox.postpone(lane, world.between(100, 4_000)));
      return;
    }
    deliver(lane.hook, lane.entries);
    if (world.chance(pause)) await world.sleep(world.between(1_000, 20_000));
    if (world.chance(crash)) throw new Death();
    if (world.chance(crash)) await this.#call(() => outbox.release(lane));
    else await this.#call(() => outbox.acknowledge(lane));
  }

  #call<T>(carryOut: () => Promise<T>): Promise<T> {
    return this.#parts.network.call(this, carryOut);
  }
}

class Death extends Error {}

function wanted(hook: string, { entries }: Unrouted): readonly OutboxEntry[] {
  return hook === 'every'
    ? entries
    : entries.filter(({ event: { name } }) => name.startsWith('channel_'));
}
