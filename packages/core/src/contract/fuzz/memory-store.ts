import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';
import { createMemoryState, type MemoryState } from '../../state/memory-state.ts';
import { stateTiming, type OutboxLimits, type StateTiming } from '../../state/timing.ts';
import { FUZZ_CHANNELS, FUZZ_USERS, type FuzzStore } from './run.ts';

interface Step {
  readonly nowMs: number;
  readonly carryOut: (state: MemoryState) => unknown;
}

/** The model, which forgets and remembers by carrying out again what was done up to a point. */
export async function openMemoryFuzzStore(
  nowMs: () => number,
  limits: OutboxLimits,
  timing: StateTiming = stateTiming,
): Promise<FuzzStore> {
  let clock = nowMs;
  const create = (): MemoryState =>
    createMemoryState({
      timing,
      limits,
      nowMs: () => clock(),
      newEpoch: () => `epoch ${clock()}`,
      rosterChanged() {},
    });
  let current = create();
  let steps: Step[] = [];
  let kept = 0;
  const state = new Proxy(current, {
    get(_, name) {
      const member: unknown = Reflect.get(current, name);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]): unknown => {
        const carryOut = (on: MemoryState): unknown =>
          Reflect.apply(Reflect.get(on, name), on, args);
        steps.push({ nowMs: clock(), carryOut });
        return carryOut(current);
      };
    },
  });
  return {
    state,
    partition: 0,
    channels: Array.from({ length: FUZZ_CHANNELS }, (_, at) => channelOf(`channel-${at}`)),
    users: Array.from({ length: FUZZ_USERS }, (_, at) => channelOf(`#server-to-user-${at}`)),
    async snapshot() {
      kept = steps.length;
    },
    async restore() {
      current = create();
      steps = steps.slice(0, kept);
      for (const step of steps) {
        clock = () => step.nowMs;
        step.carryOut(current);
      }
      clock = nowMs;
    },
    async wipe() {
      current = create();
      steps = [];
      kept = 0;
    },
    async [Symbol.asyncDispose]() {},
  };
}

function channelOf(text: string): ChannelKey {
  const [app, name] = [parseAppId('1001'), parseChannelName(text)];
  if (app === undefined || name === undefined) throw new Error('not a channel');
  return channelKey(app, name);
}
