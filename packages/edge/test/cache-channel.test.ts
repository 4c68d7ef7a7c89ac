import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryNetwork, Failure, type WebhookEvent } from '@fanfare/core';
import { succeeded, type Client } from './client.ts';
import { apps, authFor, startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { dataOf, joinAs, presenceOf, startCluster, type Cluster } from './presence-cluster.ts';

const KINDS = ['cache-a', 'private-cache-a', 'private-encrypted-cache-a'];
const ROOM = 'presence-cache-r';

/** Subscribes to a channel of any kind, and takes the confirmation. */
async function enter(client: Client, name: string, app = apps.main): Promise<void> {
  client.subscribe(name, authFor(client.id, name, { app, channelData: dataOf('u') }));
  assert.match(await client.next(), /"pusher_internal:subscription_succeeded"/);
}

function missOf(name: string): string {
  return `{"event":"pusher:cache_miss","channel":"${name}","data":"{}"}`;
}

describe('Subscribing to cache channels', () => {
  for (const name of KINDS) {
    it(`[CC20] ${name}: the confirmation, then pusher:cache_miss or the last event, then what comes later`, async () => {
      await using edge = await startTestEdge();
      await using first = await edge.connect();
      const auth = authFor(first.id, name);
      await first.join(name, auth);
      assert.equal(await first.next(), missOf(name));
      await edge.trigger(name);
      const last = await edge.trigger(name, { data: 'the last', except: first.id });
      assert.match(await first.next(), /event 1/);
      await using second = await edge.connect();
      second.subscribe(name, authFor(second.id, name));
      assert.equal(await second.next(), succeeded(name));
      assert.equal(await second.next(), last);
      const later = await edge.trigger(name);
      assert.equal(await first.next(), later);
      assert.equal(await second.next(), later);
      await second.nothingBefore('each event comes once');
    });
  }

  it('[CC20] the event is given again after unsubscribing, on every edge, also to the socket it excepted', async () => {
    await using cluster = await startCluster();
    await using client = await cluster.one.connect();
    const event = await cluster.two.trigger('cache-a', { except: client.id });
    for (let round = 0; round < 3; round += 1) {
      await client.join('cache-a');
      assert.equal(await client.next(), event);
      client.unsubscribe('cache-a');
    }
    await using elsewhere = await cluster.two.connect();
    await elsewhere.join('cache-a');
    assert.equal(await elsewhere.next(), event);
  });

  it('[CC20] a client event goes out and is not kept', async () => {
    await using edge = await startTestEdge();
    await using sender = await edge.connect();
    await using other = await edge.connect();
    const name = 'private-cache-a';
    for (const client of [sender, other]) await enter(client, name);
    for (const client of [sender, other]) assert.equal(await client.next(), missOf(name));
    sender.send(`{"event":"client-e","channel":"${name}","data":"x"}`);
    assert.match(await other.next(), /client-e/);
    await using late = await edge.connect();
    await enter(late, name);
    assert.equal(await late.next(), missOf(name));
  });

  it('[CC21] needs the auth of its kind', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await edge.trigger('private-cache-a');
    for (const name of ['private-cache-a', 'private-encrypted-cache-a', ROOM]) {
      client.subscribe(name);
      const message = await client.nextError();
      assert.equal(message, `Auth info required to subscribe to ${name}`);
      await client.nextSubscriptionError('AuthError', message, 401, name);
    }
    client.subscribe(ROOM, authFor(client.id, ROOM));
    await client.nextError();
    await client.nextFrame();
    await client.nothingBefore('nothing of the channel is told');
    assert.equal(edge.counters.channels, 0);
  });

  it('[CC21] a presence channel confirms with its roster, then gives the event; members are told to all', async () => {
    await using cluster = await startCluster();
    const event = await cluster.one.trigger(ROOM);
    await using first = await cluster.one.connect();
    assert.deepEqual((await joinAs(first, 'a', { n: 1 }, { channel: ROOM })).ids, ['a']);
    assert.equal(await first.next(), event);
    await using second = await cluster.two.connect();
    const { ids, hash } = await joinAs(second, 'b', undefined, { channel: ROOM });
    assert.deepEqual([ids.toSorted(), hash], [['a', 'b'], { a: { n: 1 }, b: {} }]);
    assert.equal(await second.next(), event);
    assert.match(await first.next(), /member_added.*\\"b\\"/);
    second.unsubscribe(ROOM);
    assert.match(await first.next(), /member_removed.*\\"b\\"/);
    assert.match(await cluster.one.trigger(ROOM), /happened/);
    assert.match(await first.next(), /happened/);
    await using again = await cluster.one.connect();
    again.subscribe(ROOM, authFor(again.id, ROOM, { channelData: dataOf('a') }));
    assert.equal(presenceOf(await again.nextFrame()).count, 1);
    assert.match(await again.next(), /happened/);
  });

  it('[CC29] hits and misses are counted, and the events that go out', async () => {
    await using edge = await startTestEdge();
    await using one = await edge.connect();
    await using two = await edge.connect();
    for (const client of [one, two]) await enter(client, 'cache-a');
    const event = await edge.trigger('cache-a');
    for (const client of [one, two]) {
      assert.equal(await client.next(), missOf('cache-a'));
      assert.equal(await client.next(), event);
    }
    await using three = await edge.connect();
    await enter(three, 'cache-a');
    assert.equal(await three.next(), event);
    const { cacheHits, cacheMisses, eventsIn, eventsOut } = edge.counters;
    assert.deepEqual([cacheHits, cacheMisses, eventsIn, eventsOut], [1, 2, 1, 2]);
  });
});

describe('Telling an app of a cache miss', () => {
  const app = apps.small;

  /** Resolves once all of them know that there is nothing. */
  async function miss(clients: readonly Client[], name: string, of = app): Promise<void> {
    const auths = clients.map((client) => authFor(client.id, name, { app: of }));
    for (const [at, client] of clients.entries()) client.subscribe(name, auths[at]);
    for (const client of clients) {
      assert.equal(await client.next(), succeeded(name));
      assert.equal(await client.next(), missOf(name));
    }
  }

  async function connectAll(edges: readonly EdgeUnderTest[], of = app): Promise<readonly Client[]> {
    return Promise.all(edges.map((edge) => edge.connect(of)));
  }

  it('[CC30] it is told once of all who miss at one time, on whichever edge; of another channel too', async () => {
    await using cluster = await startCluster();
    const { one, two } = cluster;
    const clients = await connectAll(Array.from({ length: 20 }, (_, at) => (at % 2 ? one : two)));
    await miss(clients, 'cache-a');
    await miss(clients, 'private-cache-b');
    assert.deepEqual(await toldTo(cluster), [
      { name: 'cache_miss', channel: 'cache-a' },
      { name: 'cache_miss', channel: 'private-cache-b' },
    ]);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  it('[CC30] it is told nothing of hits, of other channels, and without a webhook that wants it', async () => {
    await using cluster = await startCluster();
    const [client] = await connectAll([cluster.one]);
    const [unhooked] = await connectAll([cluster.one], apps.main);
    assert.ok(client !== undefined && unhooked !== undefined);
    await cluster.one.trigger('cache-a', { app });
    await enter(client, 'cache-a', app);
    assert.match(await client.next(), /happened/);
    await enter(client, 'lobby', app);
    await miss([unhooked], 'cache-a', apps.main);
    assert.deepEqual(await toldTo(cluster), []);
    for (const each of [client, unhooked]) await each[Symbol.asyncDispose]();
  });

  it('[CC31] what the outbox does not take is counted, and nobody waits for it', async () => {
    for (const append of [
      async () => 'full' as const,
      async () => Promise.reject(new Failure('unavailable', 'the store is away')),
    ]) {
      await using cluster = await startCluster({}, (state) => ({
        ...state,
        store: { ...state.store, append },
      }));
      const [client] = await connectAll([cluster.one]);
      assert.ok(client !== undefined);
      await miss([client], 'cache-a');
      await cluster.one.until(({ cacheMissesUntold }) => cacheMissesUntold === 1, 'it is counted');
      await client[Symbol.asyncDispose]();
    }
  });

  it('[CC32] the event outlives the edge that its subscribers were on', async () => {
    const network = createMemoryNetwork();
    const [before, after] = [await startTestEdge({ network }), await startTestEdge({ network })];
    const event = await before.trigger('cache-a');
    await before[Symbol.asyncDispose]();
    await using edge = after;
    await using client = await edge.connect();
    await client.join('cache-a');
    assert.equal(await client.next(), event);
  });
});

async function toldTo({ store }: Pick<Cluster, 'store'>): Promise<readonly WebhookEvent[]> {
  const wanted = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 1_000 };
  const { unrouted } = await store.poll(0, wanted);
  return unrouted
    .flatMap(({ entries }) => entries.map(({ event }) => event))
    .filter(({ name }) => name === 'cache_miss');
}
