import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import PusherServer from 'pusher';
import { startCluster, type Cluster, type Member } from '../cluster.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { inboxOf, subscribed } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { within } from '../support/deadline.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis, startRedisAt } from '../support/redis-server.ts';
import { untilAccepted } from '../truth.ts';

/** A trigger is refused within this, whatever is wrong with Redis. */
const SOON_MS = 5_000;
/** And within this once the link is known to be gone; an API that waited for Redis would take a second. */
const AT_ONCE_MS = 500;

const CHANNELS = ['news', 'private-news'];
/** The data of the triggers that are refused. */
const REFUSED = 'refused';

describe('the link between the cluster and Redis', () => {
  it('[FT1] is cut and healed: no client notices, triggers answer 503 meanwhile and are never late', async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.port);
    await using cluster = await startCluster({ edges: 2, apis: 1, redis: urlOf(proxy.port) });
    const audience = await openAudience(cluster);
    const healed = awaitHealing(cluster);

    proxy.cut();
    await expectUnavailable(cluster);
    await audience.expectServed();
    proxy.heal();
    await healed();

    await audience.expectEvents();
    audience.expectUndisturbed();
  });

  it('[FT2] comes back to a Redis that was restarted empty: nobody has to be restarted', async () => {
    const first = await startRedis();
    await using cluster = await startCluster({ edges: 2, apis: 1, redis: first.url });
    const audience = await openAudience(cluster);
    const healed = awaitHealing(cluster);

    await first[Symbol.asyncDispose]();
    await expectUnavailable(cluster);
    await audience.expectServed();
    await using _second = await startRedisAt(first.port);
    await healed();

    await audience.expectEvents();
    audience.expectUndisturbed();
  });

  it('[FT3] holds a subscribe while it is away and completes it afterwards', async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.port);
    await using cluster = await startCluster({ edges: 2, apis: 1, redis: urlOf(proxy.port) });
    const healed = awaitHealing(cluster);
    proxy.cut();
    await expectUnavailable(cluster);

    const client = cluster.pusherJs(1);
    const confirmations = new Inbox<string>('confirmations');
    const inboxes = CHANNELS.map((name) => {
      const channel = client.subscribe(name);
      channel.bind('pusher:subscription_succeeded', () => confirmations.push(name));
      return inboxOf(channel, 'news');
    });
    await using socket = await openRawSocket(cluster.edgeUrl(0));
    socket.send('pusher:subscribe', { channel: 'news' });
    // The answer of another socket of the same edge came and went meanwhile.
    await using other = await openRawSocket(cluster.edgeUrl(0));
    assert.deepEqual(await other.untilPong(), []);
    assert.deepEqual([confirmations.size, socket.frames.size], [0, 0]);

    proxy.heal();
    await healed();
    assert.deepEqual((await confirmations.take(2)).toSorted(), CHANNELS.toSorted());
    assert.equal((await socket.frames.next()).event, 'pusher_internal:subscription_succeeded');
    await cluster.serverSdk(0).trigger(CHANNELS, 'news', { n: 1 });
    for (const inbox of inboxes) assert.deepEqual(await inbox.next(), { n: 1 });
    assert.equal((await socket.frames.next()).event, 'news');
  });

  it('[FT4] is connected and silent: triggers answer 503 soon, and afterwards everything arrives', async () => {
    await using redis = await startRedis();
    await using cluster = await startCluster({ edges: 2, apis: 1, redis: redis.url });
    const audience = await openAudience(cluster);

    redis.freeze();
    await expectRefusal(cluster);
    await audience.expectServed();
    redis.thaw();
    await untilAccepted(cluster);

    await audience.expectEvents({ perhapsFirst: REFUSED });
    audience.expectUndisturbed();
  });
});

function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

/**
 * Resolves when every edge has said that its bus is up again, counted from the call on, and the API
 * takes triggers: it has several links, and each says for itself that it is connected.
 */
function awaitHealing(cluster: Cluster): () => Promise<void> {
  const waits = cluster.edges.map((edge) => awaitWord(edge, /message bus is up/));
  return async () => {
    await Promise.all(waits.map((wait) => wait()));
    await untilAccepted(cluster);
  };
}

function awaitWord({ process }: Member, pattern: RegExp): () => Promise<unknown> {
  const from = process.output().length;
  return () => process.says(pattern, from);
}

/**
 * Several in a row, as the first may find a link of which nobody knows yet that it is gone. The
 * fastest counts: a busy machine makes answers late, and never early.
 */
async function expectUnavailable(cluster: Cluster): Promise<void> {
  const tookMs: number[] = [];
  for (const _attempt of [1, 2, 3, 4]) {
    const startedMs = performance.now();
    await expectRefusal(cluster);
    tookMs.push(performance.now() - startedMs);
  }
  assert.ok(Math.min(...tookMs) < AT_ONCE_MS, `refusals took ${tookMs.map(Math.round).join()} ms`);
}

async function expectRefusal(cluster: Cluster): Promise<void> {
  const answer = cluster
    .serverSdk(0)
    .trigger(CHANNELS, 'news', REFUSED)
    .then(
      () => assert.fail('a trigger was accepted without Redis'),
      (error: unknown) => error,
    );
  const error = await within(answer, SOON_MS, () => `a trigger got no answer in ${SOON_MS} ms`);
  assert.ok(error instanceof PusherServer.RequestError, String(error));
  assert.equal(error.status, 503, error.body);
}

interface Audience {
  /** The sockets are alive: they get answers. */
  expectServed(): Promise<void>;
  /** New triggers arrive at everybody, and nothing before them but what may. */
  expectEvents(options?: { readonly perhapsFirst?: string }): Promise<void>;
  /** No client had to do anything. */
  expectUndisturbed(): void;
}

/** On each edge a pusher-js with all channels, and a socket that can ask for an answer. */
async function openAudience(cluster: Cluster): Promise<Audience> {
  const disturbances = new Inbox<unknown>('what clients noticed');
  const sockets: RawSocket[] = [];
  const inboxes: Inbox<unknown>[] = [];
  for (const edge of cluster.edges.keys()) {
    const client = cluster.pusherJs(edge);
    for (const name of CHANNELS)
      inboxes.push(inboxOf(await subscribed(client.subscribe(name)), 'news'));
    client.connection.bind('state_change', disturbances.push);
    client.connection.bind('error', disturbances.push);
    const socket = await openRawSocket(cluster.edgeUrl(edge));
    void socket.closed.then(disturbances.push);
    sockets.push(socket);
  }
  return {
    async expectServed() {
      for (const socket of sockets) assert.deepEqual(await socket.untilPong(), []);
    },
    async expectEvents({ perhapsFirst } = {}) {
      await cluster.serverSdk(0).trigger(CHANNELS, 'news', 'new');
      for (const inbox of inboxes) {
        const events = await inbox.takeUntil((data) => data === 'new');
        assert.deepEqual(
          events.filter((data) => data !== perhapsFirst),
          ['new'],
        );
      }
    },
    expectUndisturbed() {
      assert.equal(disturbances.size, 0, disturbances.describe());
    },
  };
}
