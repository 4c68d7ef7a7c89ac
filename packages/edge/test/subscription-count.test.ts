import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, createMemoryAppRegistry, type AppRegistry } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import { apps, authFor, keyOf, type StateOfTest } from './edge-under-test.ts';
import {
  askFor,
  dataOf,
  joinAs,
  startCluster,
  type Around,
  type Cluster,
} from './presence-cluster.ts';

const app = apps.counted;
const LOBBY = 'lobby';
const SECRET = 'private-encrypted-lobby';

describe('The count of a channel', () => {
  it('[SU2] comes after the confirmation, and goes to everybody on every edge whenever it changes', async () => {
    await using cluster = await startCounting();
    await using one = await cluster.one.connect(app);
    await one.join(LOBBY);
    assert.equal(await one.next(), frame(1));
    await using two = await cluster.two.connect(app);
    const startedMs = performance.now();
    await two.join(LOBBY);
    assert.deepEqual([await one.next(), await two.next()], [frame(2), frame(2)]);
    const tookMs = performance.now() - startedMs;
    // Nobody but the edges runs here; the rest is for a slow machine.
    assert.ok(tookMs < 1_000, `told after ${Math.round(tookMs)} ms`);
    const three = await cluster.two.connect(app);
    await three.join(LOBBY);
    for (const client of [one, two, three]) assert.equal(await client.next(), frame(3));
    await three[Symbol.asyncDispose]();
    two.unsubscribe(LOBBY);
    assert.equal(await one.next(), frame(1));
    await two.nothingBefore('who has left is told nothing');
  });

  it('[SU2] of private and cache channels is told as well, behind the last event', async () => {
    await using cluster = await startCounting();
    await using one = await cluster.one.connect(app);
    await one.join('private-a', authFor(one.id, 'private-a', { app }));
    assert.equal(await one.next(), frame(1, 'private-a'));
    await one.join('cache-a');
    assert.match(await one.next(), /cache_miss/);
    assert.equal(await one.next(), frame(1, 'cache-a'));
    const event = await cluster.one.trigger('cache-a', { app });
    assert.equal(await one.next(), event);
    await using two = await cluster.one.connect(app);
    await two.join('cache-a');
    assert.equal(await two.next(), event);
    for (const client of [one, two]) assert.equal(await client.next(), frame(2, 'cache-a'));
  });

  it('[SU3] is told to nobody of an app without it, of a presence channel or of an encrypted one', async () => {
    await using cluster = await startCounting();
    await using plain = await cluster.one.connect(apps.main);
    await plain.join(LOBBY);
    await using member = await cluster.one.connect(app);
    await joinAs(member, 'm', undefined, { app });
    await using hidden = await cluster.one.connect(app);
    await hidden.join(SECRET, authFor(hidden.id, SECRET, { app }));
    // The marker: what is told of these would have been due before.
    await using marker = await cluster.one.connect(app);
    await marker.join(LOBBY);
    assert.equal(await marker.next(), frame(1));
    for (const client of [plain, member, hidden])
      await client.nothingBefore('nothing is told of it');
    assert.equal(cluster.one.counters.countEvents, 1);
  });

  it('[SU3] is told of an encrypted channel where the app has asked for that too', async () => {
    await using cluster = await startCounting();
    const { countedAll } = apps;
    await using client = await cluster.one.connect(countedAll);
    await client.join(SECRET, authFor(client.id, SECRET, { app: countedAll }));
    assert.equal(await client.next(), frame(1, SECRET));
  });

  it('[SU20] reaches a subscriber also if it took the place of another and the count stayed', async () => {
    await using cluster = await startCounting();
    await using one = await cluster.one.connect(app);
    await using stays = await cluster.two.connect(app);
    await using two = await cluster.two.connect(app);
    for (const client of [one, stays, two]) await client.join(LOBBY);
    for (const client of [one, stays, two]) while ((await client.next()) !== frame(3));
    two.unsubscribe(LOBBY);
    await two.join(LOBBY);
    assert.equal(await two.next(), frame(3));
    assert.equal(await stays.next(), frame(3), 'it shares its edge with one who has to be told');
    one.unsubscribe(LOBBY);
    await one.join(LOBBY);
    assert.equal(await one.next(), frame(3));
    await using marker = await cluster.one.connect(app);
    await marker.join(LOBBY);
    for (const client of [one, two, stays])
      assert.equal(await client.next(), frame(4), 'an edge on which all know does not tell again');
  });

  it('[SU21] of many is told to a newcomer at once as it was last told, and to all after five seconds', async () => {
    await using cluster = await startCounting();
    await reportOthers(cluster, 150);
    await using one = await cluster.one.connect(app);
    await one.join(LOBBY);
    assert.equal(await one.next(), frame(151));
    await using two = await cluster.one.connect(app);
    await two.join(LOBBY);
    assert.equal(await two.next(), frame(151));
    await cluster.untilCounted(152, LOBBY, app);
    await cluster.store.tend(0);
    for (const client of [one, two]) await client.nothingBefore('it is told later');
    cluster.later(5_000);
    await cluster.store.tend(0);
    for (const client of [one, two]) assert.equal(await client.next(), frame(152));
  });

  it('[SU22] that was missed is told when the feed is back', async () => {
    const lossy = new LossyFeed();
    await using cluster = await startCounting(lossy.around);
    await using one = await cluster.one.connect(app);
    await one.join(LOBBY);
    assert.equal(await one.next(), frame(1));
    lossy.losing = true;
    await using two = await cluster.two.connect(app);
    await two.join(LOBBY);
    assert.equal(await two.next(), frame(2));
    await one.nothingBefore('it was lost');
    lossy.heal();
    assert.equal(await one.next(), frame(2));
    await two.nothingBefore('who knew already is not told again');
  });

  it('[SU23] costs nothing where nobody is to be told', async () => {
    const asked: ChannelKey[] = [];
    await using cluster = await startCounting((state) => ({
      ...state,
      async openFeed(events) {
        const feed = await state.openFeed(events);
        return {
          async subscribe(key) {
            asked.push(key);
            await feed.subscribe(key);
          },
          unsubscribe: (key) => feed.unsubscribe(key),
          [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
        };
      },
    }));
    await using plain = await cluster.one.connect(apps.main);
    await plain.join(LOBBY);
    await using client = await cluster.one.connect(app);
    await client.join(SECRET, authFor(client.id, SECRET, { app }));
    await client.join(LOBBY);
    assert.equal(await client.next(), frame(1));
    assert.deepEqual(asked, [keyOf(LOBBY, app)]);
  });

  it('[SU25] begins and ends to be told when the app is changed, also to those who are there', async () => {
    const without = appSchema.parse({ id: '1030', keys: app.keys });
    const registry = createMemoryAppRegistry([without]);
    await using cluster = await startCounting(undefined, registry);
    await using one = await cluster.one.connect(app);
    await using two = await cluster.two.connect(app);
    for (const client of [one, two]) await client.join(LOBBY);
    await cluster.untilCounted(2, LOBBY, app);
    registry.replace([app]);
    for (const client of [one, two]) assert.equal(await client.next(), frame(2));
    registry.replace([without]);
    await using three = await cluster.one.connect(app);
    await three.join(LOBBY);
    await cluster.untilCounted(3, LOBBY, app);
    cluster.later(1_000);
    await cluster.store.tend(0);
    registry.replace([app]);
    for (const client of [one, two, three]) assert.equal(await client.next(), frame(3));
  });

  it('[SU24] is kept for the webhook that wants it, also of an encrypted channel', async () => {
    await using cluster = await startCounting();
    await using client = await cluster.one.connect(app);
    await client.join(SECRET, authFor(client.id, SECRET, { app }));
    askFor(client, dataOf('m'), { app });
    assert.match(await client.next(), /presence-r/);
    await client.join(LOBBY);
    assert.equal(await client.next(), frame(1));
    const wanted = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 100 };
    const { unrouted } = await cluster.store.poll(0, wanted);
    assert.deepEqual(
      unrouted
        .flatMap(({ entries }) => entries.map(({ event }) => event))
        .toSorted((a, b) => a.channel.localeCompare(b.channel)),
      [LOBBY, SECRET].map((name) => ({
        name: 'subscription_count',
        channel: name,
        subscription_count: 1,
      })),
    );
  });
});

/** Two edges whose store has been there for a while, and so tells what it is told. */
async function startCounting(around?: Around, registry?: AppRegistry): Promise<Cluster> {
  const cluster = await startCluster(registry === undefined ? {} : { apps: registry }, around);
  await cluster.store.register(0, 'somebody');
  cluster.later(6_500);
  return cluster;
}

/** An edge elsewhere with so many subscriptions. */
async function reportOthers({ store }: Cluster, count: number): Promise<void> {
  const subject = { kind: 'channel', channel: keyOf(LOBBY, app) } as const;
  const share = { subject, count, info: '', told: false, adopted: false };
  await store.report(0, 'somebody', { version: 1, after: 0 }, [share]);
}

function frame(count: number, name = LOBBY): string {
  return String.raw`{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":${count}}","channel":"${name}"}`;
}

/** The feed of the first edge, which loses counts while it is told to. */
class LossyFeed {
  losing = false;
  #gap: (() => void) | undefined;

  readonly around = (state: StateOfTest, edge: number): StateOfTest => {
    if (edge !== 0) return state;
    return {
      ...state,
      openFeed: async (events) => {
        this.#gap = () => events.onGap(undefined);
        return state.openFeed({
          ...events,
          onCount: (key, count) => {
            if (!this.losing) events.onCount(key, count);
          },
        });
      },
    };
  };

  heal(): void {
    this.losing = false;
    this.#gap?.();
  }
}
