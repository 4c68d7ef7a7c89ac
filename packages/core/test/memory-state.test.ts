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
  const followers = new Map<ChannelKey, (change: RosterChange) => void>();
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
      rosterChanged: (channel, change) => followers.get(channel)?.(change),
    });
  let current = create();
  return {
    // Whatever stands behind it after a loss, those who hold it need not know.
    state: new Proxy(current, { get: (_, name) => Reflect.get(current, name) as unknown }),
    async wipe() {
      current = create();
    },
    async follow(channel) {
      const waiting: RosterChange[] = [];
      let arrived: (() => void) | undefined;
      followers.set(channel, (change) => {
        waiting.push(change);
        arrived?.();
      });
      return async () => {
        const arrival = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        if (waiting.length === 0) await inTime(arrival, 'a change of the roster');
        const [change] = waiting.splice(0, 1);
        if (change === undefined) throw new Error('no change');
        return change;
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}
