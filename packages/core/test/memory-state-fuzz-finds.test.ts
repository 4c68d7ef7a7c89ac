import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  fuzzFindsFault,
  openMemoryFuzzStore,
  type FuzzModeName,
  type FuzzStore,
  type OpenFuzzStore,
} from '../src/contract/index.ts';
import { stateTiming, type Share } from '../src/index.ts';

type State = FuzzStore['state'];

/** What a careless change of the model or the reporter could do, and the mode that must notice. */
const BREAKAGES: readonly (readonly [name: string, mode: FuzzModeName, open: OpenFuzzStore])[] = [
  [
    'there is no guard',
    'stall',
    (nowMs, limits) => openMemoryFuzzStore(nowMs, limits, { ...stateTiming, guardMs: 0 }),
  ],
  [
    'edges do not hear that they were fenced',
    'crash',
    broken((state) => ({
      async report(...args) {
        const reported = await state.report(...args);
        return reported.fenced ? { fenced: false, lost: false } : reported;
      },
      async heartbeat(...args) {
        const beat = await state.heartbeat(...args);
        return beat.fenced ? { fenced: false, epoch: '', version: 1e9, tendInMs: Infinity } : beat;
      },
    })),
  ],
  [
    'a report is taken twice',
    'network',
    broken((state) => ({
      report: (partition, incarnation, revision, shares) =>
        state.report(partition, incarnation, revision, shares.map(doubled)),
    })),
  ],
  [
    'a store that has forgotten something is not found out',
    'failover',
    broken((state) => ({
      report: (partition, incarnation, { version }, shares) =>
        state.report(partition, incarnation, { version, after: 0 }, shares),
      async heartbeat(...args) {
        const beat = await state.heartbeat(...args);
        return beat.fenced ? beat : { ...beat, version: 1e9 };
      },
    })),
  ],
  [
    'a join says nothing of its channel',
    'network',
    broken((state) => ({
      join: (partition, incarnation, revision, request) => {
        const channel = { ...request.channel, count: 0 };
        return state.join(partition, incarnation, revision, { ...request, channel });
      },
    })),
  ],
  [
    'what was delivered is delivered to nobody',
    'network',
    broken((state) => ({
      async poll(...args) {
        const polled = await state.poll(...args);
        for (const lane of polled.lanes) await state.acknowledge(lane);
        return polled;
      },
    })),
  ],
];

describe('State fuzz: of a model that was broken on purpose', () => {
  for (const [name, mode, open] of BREAKAGES) {
    it(`notices that ${name}`, async () => {
      assert.ok(await fuzzFindsFault(open, mode, { seeds: 30, atOnce: 1 }), 'no seed noticed');
    });
  }
});

function broken(part: (state: State) => Partial<State>): OpenFuzzStore {
  return async (nowMs, limits) => {
    const store = await openMemoryFuzzStore(nowMs, limits);
    const parts = part(store.state);
    const state = new Proxy(store.state, {
      get: (whole, name) => Reflect.get(name in parts ? parts : whole, name) as unknown,
    });
    return { ...store, state };
  };
}

function doubled(share: Share): Share {
  return { ...share, count: share.count * 2 };
}
