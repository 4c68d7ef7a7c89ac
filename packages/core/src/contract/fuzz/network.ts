import { Failure } from '../../failure.ts';
import type { World } from './world.ts';

export interface NetworkFaults {
  readonly lostRequest: number;
  readonly lostReply: number;
  /** The request arrives up to 20 s later, when its caller has long given up. */
  readonly late: number;
}

/** A process that calls the store: while it is paused nothing reaches it, not even a timeout. */
export interface Process {
  pausedUntilMs: number;
}

const TIMEOUT_MS = 1_000;
const LATE_MS = 20_000;

/** The way to the store and back. */
export class Network {
  faults: NetworkFaults;
  /** The store carries out nothing before this. */
  stalledUntilMs = 0;
  calls = 0;
  readonly #world: World;

  constructor(world: World, faults: NetworkFaults) {
    this.#world = world;
    this.faults = faults;
  }

  async call<T>(process: Process, carryOut: () => Promise<T>): Promise<T> {
    const world = this.#world;
    this.calls += 1;
    return new Promise<T>((resolve, reject) => {
      const arrive = (delayMs: number, take: () => void): void => {
        world.after(delayMs, () => {
          const pausedMs = process.pausedUntilMs - world.nowMs;
          if (pausedMs > 0) arrive(pausedMs, take);
          else take();
        });
      };
      const execute = async (): Promise<void> => {
        const stalledMs = this.stalledUntilMs - world.nowMs;
        if (stalledMs > 0) {
          world.after(stalledMs + world.between(0, 20), execute);
          return;
        }
        const answer = await carryOut();
        if (!world.chance(this.faults.lostReply))
          arrive(world.between(1, 12), () => resolve(answer));
      };
      arrive(TIMEOUT_MS, () => reject(new Failure('unavailable', 'timed out')));
      if (world.chance(this.faults.lostRequest)) return;
      const late = world.chance(this.faults.late);
      world.after(late ? world.between(TIMEOUT_MS, LATE_MS) : world.between(1, 12), execute);
    });
  }
}
