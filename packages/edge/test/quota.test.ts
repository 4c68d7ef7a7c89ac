import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  appSchema,
  createMemoryAppRegistry,
  createMemoryNetwork,
  edgeReporterOptions,
  type App,
  type MemoryState,
  type Subject,
} from '@fanfare/core';
import { connectionsKey } from '@fanfare/protocol';
import { ConnectionQuota } from '../src/quota.ts';
import {
  apps,
  memoryState,
  startTestEdge,
  type EdgeUnderTest,
  type StateOfTest,
} from './edge-under-test.ts';
import type { Client } from './client.ts';
import { within } from './inbox.ts';

function appWith(maxConnections: number | null): App {
  return appSchema.parse({
    id: '2003',
    keys: [{ key: 'full-key', secret: 's' }],
    limits: { maxConnections },
    webhooks: [{ url: 'http://127.0.0.1:1/hook' }],
  });
}

const PATH = '/app/full-key?protocol=7';

async function refuses(edge: EdgeUnderTest): Promise<void> {
  await using client = edge.open(PATH);
  assert.equal(await client.nextError(4004), 'Account over quota');
  assert.deepEqual(await client.closedWith(), { code: 4004, reason: 'Account over quota' });
}

async function leave(edge: EdgeUnderTest, client: Client): Promise<void> {
  const { connections } = edge.counters;
  await client[Symbol.asyncDispose]();
  await edge.until((counters) => counters.connections < connections, 'the connection is closed');
}

/** Resolves when the store has been told so. */
async function reported(
  { store }: { readonly store: MemoryState },
  app: App,
  count: number,
): Promise<void> {
  const told = async (): Promise<void> => {
    for (;;) {
      const [counts] = await store.counts([connectionsKey(app.id)]);
      if (counts?.subscriptions === count) return;
      await new Promise(setImmediate);
    }
  };
  await within(told(), `the store was not told of ${count} connections`);
}

describe('Connection quota on sockets', () => {
  it('[LM24] the connection beyond the limit is closed with 4004, and a place that is left is free at once', async () => {
    const app = appWith(2);
    await using edge = await startTestEdge({ moreApps: [app], edge: { quotaRoundMs: 60 } });
    const first = await edge.connect(app);
    await using second = await edge.connect(app);
    await refuses(edge);
    for (let round = 0; round < 20; round += 1) await refuses(edge);
    await leave(edge, first);
    await using third = await edge.connect(app);
    await refuses(edge);
    await second.nothingBefore('who was there first stays');
    await third.nothingBefore('who came for the free place stays');
  });

  it('[LM25] what other edges hold counts, from a few readings on', async () => {
    const app = appWith(3);
    const [network, state] = [createMemoryNetwork(), memoryState()];
    const [watchedOne, watchedTwo] = [watched(state), watched(state)];
    const setup = { network, moreApps: [app], edge: { quotaRoundMs: 60 } };
    await using one = await startTestEdge({ ...setup, state: watchedOne.state });
    await using two = await startTestEdge({ ...setup, state: watchedTwo.state });
    const first = await one.connect(app);
    await using _second = await one.connect(app);
    await reported(state, app, 2);
    // Nobody has asked there yet, so it looks seldom.
    await watchedTwo.readings.more(1);
    await using _third = await two.connect(app);
    await refuses(two);
    await reported(state, app, 3);
    await watchedOne.readings.more(2);
    await refuses(one);
    await leave(one, first);
    await reported(state, app, 2);
    await watchedTwo.readings.more(2);
    await using _fourth = await two.connect(app);
    await refuses(two);
  });

  it('[LM27] the store is told of apps with a limit only, no webhook is, and a stop gives it back', async () => {
    const app = appWith(5);
    const state = memoryState();
    await using edge = await startTestEdge({ state, moreApps: [app] });
    await using _limited = await edge.connect(app);
    await using _free = await edge.connect();
    await reported(state, app, 1);
    const { store } = state;
    assert.deepEqual(await store.counts([connectionsKey(apps.main.id)]), [
      { subscriptions: 0, users: 0 },
    ]);
    const wanted = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 100 };
    assert.deepEqual((await store.poll(0, wanted)).unrouted, []);
    await edge.edge.stop('at-once');
    await reported(state, app, 0);
  });
});

describe('Connection quota and the state store', () => {
  it('[LM27] a store that has written the edge off is told again', async () => {
    const app = appWith(5);
    const state = memoryState();
    const incarnations: string[] = [];
    const store: StateOfTest['store'] = {
      ...state.store,
      register(partition, incarnation) {
        incarnations.push(incarnation);
        return state.store.register(partition, incarnation);
      },
    };
    await using edge = await startTestEdge({
      state: { ...state, store },
      moreApps: [app],
      edge: { reporter: { ...edgeReporterOptions, heartbeatMs: 50 } },
    });
    await using _client = await edge.connect(app);
    await reported(state, app, 1);
    await state.store.leave(0, incarnations[0] ?? '');
    await reported(state, app, 0);
    await reported(state, app, 1);
    assert.equal(incarnations.length, 2);
  });
});

/** Tells when the store is read. */
class Readings {
  #waiting: { left: number; readonly resolve: () => void }[] = [];

  /** Once so many more were read from begin to end. */
  async more(count: number): Promise<void> {
    const read = new Promise<void>((resolve) => {
      // One may be under way already.
      this.#waiting.push({ left: count + 1, resolve });
    });
    await within(read, `waited for ${count} readings`);
  }

  begun(): void {
    this.#waiting = this.#waiting.filter((each) => {
      each.left -= 1;
      // Behind the answer, which comes in the same turn.
      if (each.left === 0) setImmediate(each.resolve);
      return each.left > 0;
    });
  }
}

/** The same state, telling when it is read from it. */
function watched(state: StateOfTest): { readonly state: StateOfTest; readonly readings: Readings } {
  const readings = new Readings();
  const store: StateOfTest['store'] = {
    ...state.store,
    elsewhere(...args) {
      readings.begun();
      return state.store.elsewhere(...args);
    },
  };
  return { state: { ...state, store }, readings };
}

/** A quota whose store the test has in hand. */
function openQuota(app: App): {
  readonly quota: ConnectionQuota;
  readonly changed: Subject[];
  readonly failed: unknown[];
  readonly readings: Readings;
  elsewhere: number | Error;
  change(to: App): void;
} {
  const changed: Subject[] = [];
  const failed: unknown[] = [];
  let current = app;
  const story = {
    elsewhere: 0 as number | Error,
    changed,
    failed,
    readings: new Readings(),
    change(to: App): void {
      current = to;
    },
  };
  const registry = createMemoryAppRegistry([app]);
  const quota = new ConnectionQuota({
    apps: { ...registry, byId: () => current, all: () => [current] },
    store: {
      partitionOf: () => 7,
      async elsewhere(_partition, _incarnation, channels): Promise<readonly number[]> {
        story.readings.begun();
        if (story.elsewhere instanceof Error) throw story.elsewhere;
        const { elsewhere } = story;
        return channels.map(() => elsewhere);
      },
    },
    incarnationOf: () => 'one',
    changed: (subject) => changed.push(subject),
    onFailed: (error) => failed.push(error),
    roundMs: 1,
  });
  return Object.assign(story, { quota });
}

async function until(holds: () => boolean): Promise<void> {
  const held = async (): Promise<void> => {
    while (!holds()) await new Promise(setImmediate);
  };
  await within(held(), 'waited for a change to be told');
}

describe('Connection quota', () => {
  const app = appWith(10);
  it('[LM24] [LM25] up to the limit are let in, counting those elsewhere and not its own twice', async () => {
    const story = openQuota(app);
    const { quota } = story;
    quota.start();
    try {
      for (let here = 0; here < 4; here += 1) quota.opened(app.id);
      story.elsewhere = 5;
      await story.readings.more(2);
      assert.equal(quota.admits(app), true);
      quota.opened(app.id);
      assert.equal(quota.admits(app), false);
      quota.closed(app.id);
      assert.equal(quota.admits(app), true);
    } finally {
      quota.stop();
    }
  });

  it('[LM26] while the store is away the last reading stands', async () => {
    const story = openQuota(app);
    const { quota } = story;
    quota.start();
    try {
      story.elsewhere = 9;
      await story.readings.more(2);
      story.elsewhere = new Error('away');
      await story.readings.more(2);
      assert.ok(story.failed.length > 0);
      assert.equal(quota.admits(app), true);
      quota.opened(app.id);
      assert.equal(quota.admits(app), false);
      story.elsewhere = 1;
      await story.readings.more(2);
      assert.equal(quota.admits(app), true);
    } finally {
      quota.stop();
    }
  });

  it('[LM26] before anything was ever read, an edge goes by its own', () => {
    const story = openQuota(app);
    story.elsewhere = new Error('away');
    for (let here = 0; here < 10; here += 1) {
      assert.equal(story.quota.admits(app), true);
      story.quota.opened(app.id);
    }
    assert.equal(story.quota.admits(app), false);
  });

  it('[LM27] a limit that comes is told to the store, and one that goes is taken back', async () => {
    const free = appWith(null);
    const story = openQuota(free);
    const { quota, changed } = story;
    quota.start();
    try {
      quota.opened(free.id);
      assert.deepEqual([changed, quota.count(free.id), [...quota.held(7)]], [[], 0, []]);
      const subject = { kind: 'channel', channel: connectionsKey(app.id) } as const;
      story.change(app);
      await until(() => changed.length === 1);
      assert.deepEqual([changed, quota.count(app.id)], [[subject], 1]);
      assert.deepEqual([[...quota.held(7)], [...quota.held(6)]], [[subject], []]);
      story.change(free);
      await until(() => changed.length === 2);
      assert.deepEqual([changed, quota.count(app.id)], [[subject, subject], 0]);
      quota.closed(free.id);
      assert.equal(changed.length, 2);
    } finally {
      quota.stop();
    }
  });
});
