import type { ChannelKey } from '@fanfare/protocol';
import {
  createMemoryState,
  stateTiming,
  type MemoryState,
  type OutboxLimits,
  type RosterChange,
} from '../src/index.ts';
import { stateContract, type StateUnderTest } from '../src/contract/index.ts';
import { inTime } from './given.ts';

stateContract('memory', openState);

async function openState(nowMs: () => number, limits: OutboxLimits): Promise<StateUnderTest> {
  const changes = new Followers<RosterChange>();
  const counts = new Followers<number>();
  let epochs = 0;
  const create = (): MemoryState =>
    createMemoryState({
      timing: stateTiming,
      limits,
      nowMs,
      newEpoch: () => {
        epochs += 1;
        return `epoch ${epochs}`;
      },
      rosterChanged: (channel, change) => changes.push(channel, change),
      countTold: (channel, count) => counts.push(channel, count),
    });
  let current = create();
  return {
    // Whatever stands behind it after a loss, those who hold it need not know.
    state: new Proxy(current, { get: (_, name) => Reflect.get(current, name) as unknown }),
    async wipe() {
      current = create();
    },
    follow: async (channel) => changes.follow(channel, 'a change of the roster'),
    followCounts: async (channel) => counts.follow(channel, 'a count'),
    async [Symbol.asyncDispose]() {},
  };
}

/** What the store tells of channels, for whoever waits for the next of it. */
class Followers<T> {
  readonly #followers = new Map<ChannelKey, (told: T) => void>();

  push(channel: ChannelKey, told: T): void {
    this.#followers.get(channel)?.(told);
  }

  follow(channel: ChannelKey, what: string): () => Promise<T> {
    const waiting: T[] = [];
    let arrived: (() => void) | undefined;
    this.#followers.set(channel, (told) => {
      waiting.push(told);
      arrived?.();
    });
    return async () => {
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      if (waiting.length === 0) await inTime(arrival, what);
      const [told] = waiting.splice(0, 1);
      if (told === undefined) throw new Error(`not ${what}`);
      return told;
    };
  }
}
