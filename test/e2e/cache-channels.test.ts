import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openRedisPublisher } from '@fanfare/redis';
import { channelKey, eventFrame, parseAppId, parseChannelName } from '@fanfare/protocol';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import type { PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { startRedis } from '../support/redis-server.ts';
import { ask, openClient, subscription } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const redis = await startRedis();
const receiver = await startReceiver();
/** The third edge is there to be restarted. */
const cluster = await startCluster({
  edges: 3,
  apis: 1,
  workers: 1,
  redis: redis.url,
  env: { DRAIN_SECONDS: '0' },
  app: { webhooks: [{ url: receiver.url, events: ['cache_miss'] }] },
});
after(async () => {
  for (const each of [cluster, receiver, redis]) await each[Symbol.asyncDispose]();
});
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

const SUCCEEDED = 'pusher:subscription_succeeded';
const MISS = 'pusher:cache_miss';

/** Everything that pusher-js tells of a channel, in order; one that follows by itself is told last. */
interface Told {
  readonly event: string;
  readonly data: unknown;
}

/** A pusher-js that is subscribed, with a signature for whatever the channel needs. */
function follow(edge: number, channel: string, user = 'u'): [PusherJs, Inbox<Told>] {
  const pusher = cluster.pusherJs(edge, {
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) => {
        const member = channelName.startsWith('presence-') ? { user_id: user } : undefined;
        callback(null, sdk.authorizeChannel(socketId, channelName, member));
      },
    },
  });
  const told = new Inbox<Told>(`events of ${channel}`);
  pusher
    .subscribe(channel)
    .bind_global((event: string, data: unknown) => told.push({ event, data }));
  return [pusher, told];
}

/** An event that the cluster keeps for some milliseconds only. */
async function triggerBriefly(channel: string, data: string, cacheMs: number): Promise<void> {
  await using publisher = await openRedisPublisher({
    url: redis.url,
    connectionName: 'test',
    log: { info: quiet, warn: quiet, error: quiet },
    limits: { cacheMs },
  });
  const [app, name] = [parseAppId(cluster.app.id), parseChannelName(channel)];
  assert.ok(app !== undefined && name !== undefined);
  const frame = eventFrame(name, 'brief', data);
  const rest = { except: null, id: `brief-${channel}`, recorded: true, once: false };
  await publisher.publish([{ channel: channelKey(app, name), frame, ...rest }]);
}

function quiet(): void {
  // Nothing listens.
}

async function cacheOf(channel: string): Promise<unknown> {
  const answer = await ask(sdk, `/channels/${channel}`, { info: 'cache' });
  return (answer as { readonly cache: unknown }).cache;
}

describe('cache channels of a cluster', { concurrency: true }, () => {
  for (const name of [
    'cache-k',
    'private-cache-k',
    'private-encrypted-cache-k',
    'presence-cache-k',
  ]) {
    it(`[CC60] pusher-js on ${name} gets a miss or the last event behind its confirmation, and then later ones`, async () => {
      const [, first] = follow(0, name, 'a');
      assert.equal((await first.next()).event, SUCCEEDED);
      assert.equal((await first.next()).event, MISS);
      await sdk.trigger(name, 'price', { n: 1 });
      assert.deepEqual(await first.next(), { event: 'price', data: { n: 1 } });
      const [, second] = follow(1, name, 'b');
      assert.equal((await second.next()).event, SUCCEEDED);
      assert.deepEqual(await second.next(), { event: 'price', data: { n: 1 } });
      if (name.startsWith('presence-'))
        assert.equal((await first.next()).event, 'pusher:member_added');
      await sdk.trigger(name, 'price', { n: 2 });
      for (const inbox of [first, second])
        assert.deepEqual(await inbox.next(), { event: 'price', data: { n: 2 } });
    });
  }

  it('[CC61] the server SDK reads what is kept, with the seconds it has left, and null where nothing is', async () => {
    assert.equal(await cacheOf('cache-asked'), null);
    const data = { text: 'snow ☃ and 😀', quote: '"\\\n' };
    await sdk.trigger(['cache-asked', 'lobby'], 'price', data);
    const { ttl, ...rest } = (await cacheOf('cache-asked')) as Readonly<Record<string, unknown>>;
    assert.deepEqual(rest, { data: JSON.stringify(data) });
    assert.ok(Number.isInteger(ttl) && Number(ttl) > 1_780 && Number(ttl) <= 1_800, String(ttl));
    const answer = await ask(sdk, '/channels/cache-asked', { info: 'subscription_count,cache' });
    assert.deepEqual(Object.keys(answer as object), ['occupied', 'subscription_count', 'cache']);
    assert.equal(await cacheOf('cache-other'), null);
  });

  it('[CC62] the backend is told once of twenty who miss at one time on two edges, and again when an event has run out', async () => {
    const name = 'private-cache-missed';
    const sockets = await Promise.all(
      Array.from({ length: 20 }, (_, at) => openRawSocket(cluster.edgeUrl(at % 2))),
    );
    for (const socket of sockets)
      socket.send('pusher:subscribe', subscription(sdk, socket.id, name));
    for (const { frames } of sockets) {
      const [confirmation, miss] = await frames.take(2);
      assert.equal(confirmation?.event, 'pusher_internal:subscription_succeeded');
      assert.deepEqual(miss, { event: MISS, channel: name, data: '{}' });
    }
    await receiver.storyOf(name, 1);
    await triggerBriefly(name, 'short', 300);
    for (const { frames } of sockets)
      assert.deepEqual(await frames.next(), { event: 'brief', channel: name, data: 'short' });
    await eventually(
      async () => (await cacheOf(name)) === null,
      () => 'the event did not run out',
    );
    const late = await openClient(cluster, 1, [name]);
    assert.equal((await late.frames.next()).event, MISS);
    // In one channel's order: had there been a second one for the twenty, it would stand here.
    assert.deepEqual(await receiver.storyOf(name, 2), ['cache_miss', 'cache_miss']);
    const [{ event } = assert.fail()] = receiver.accepted(name);
    assert.deepEqual(event, { name: 'cache_miss', channel: name });
    for (const socket of [...sockets, late]) await socket[Symbol.asyncDispose]();
  });

  it('[CC63] what is kept survives the edge of its subscribers', async () => {
    const [before, told] = follow(2, 'cache-kept');
    await told.take(2);
    await sdk.trigger('cache-kept', 'price', 7);
    assert.deepEqual(await told.next(), { event: 'price', data: 7 });
    before.disconnect();
    await cluster.restartEdge(2);
    const [, again] = follow(2, 'cache-kept');
    assert.equal((await again.next()).event, SUCCEEDED);
    assert.deepEqual(await again.next(), { event: 'price', data: 7 });
  });

  it('[CC64] whoever subscribes in the middle of a stream gets the last event and all that follow, once, in order', async () => {
    const name = 'cache-stream';
    const last = 400;
    const stream = { acknowledged: 0 };
    const publishing = (async () => {
      for (let n = 1; n <= last; n += 1) {
        await sdk.trigger(name, 'n', String(n));
        stream.acknowledged = n;
      }
    })();
    await eventually(
      () => stream.acknowledged > 0,
      () => 'nothing was taken',
    );
    const readers: { readonly socket: RawSocket; readonly asked: number }[] = [];
    while (stream.acknowledged < 380 && readers.length < 60) {
      const socket = await openRawSocket(cluster.edgeUrl(1));
      readers.push({ socket, asked: stream.acknowledged });
      socket.send('pusher:subscribe', { channel: name });
    }
    await publishing;
    assert.ok(readers.length > 5, `${readers.length} readers`);
    for (const { socket, asked } of readers) {
      const frames = await socket.frames.takeUntil(({ data }) => data === String(last));
      assert.equal(frames[0]?.event, 'pusher_internal:subscription_succeeded');
      const numbers = frames.slice(1).map(({ data }) => Number(data));
      const [first = 0] = numbers;
      assert.ok(first >= asked, `asked behind ${asked}, given ${first}`);
      assert.deepEqual(
        numbers,
        Array.from({ length: last - first + 1 }, (_, index) => first + index),
      );
      assert.deepEqual(await socket.untilPong(), []);
      await socket[Symbol.asyncDispose]();
    }
  });
});
