import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket, type Frame, type RawSocket } from '../raw-socket.ts';
import { inboxOf, subscribed, type PusherChannel } from '../sdk.ts';
import { openClient, untilCounts } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Right after its start an empty Redis tells nothing for six seconds, so that every edge can say what it holds. */
const GRACE_PATIENCE_MS = 20_000;
const INTERVAL_MS = 5_000;
const MANY = 100;

const counting = await startReceiver();
const usual = await startReceiver();
after(() => Promise.all([counting, usual].map((each) => each[Symbol.asyncDispose]())));
const [edgesAlone, withWorker] = await Promise.all([
  startCluster({ edges: 2, apis: 1, app: { subscriptionCount: true } }),
  startCluster({
    edges: 2,
    apis: 1,
    workers: 1,
    app: {
      subscriptionCount: true,
      webhooks: [{ url: counting.url, events: ['subscription_count'] }, { url: usual.url }],
    },
  }),
]);
after(() => Promise.all([edgesAlone, withWorker].map((each) => each[Symbol.asyncDispose]())));
for (const each of [counting, usual]) each.trust(withWorker.serverSdk(0));

/** Resolves once the grace is over. */
async function told(socket: RawSocket, count: number): Promise<void> {
  await eventually(
    () => countsOf(socket).at(-1) === count,
    () => `expected ${count}, heard ${countsOf(socket).join()}`,
    GRACE_PATIENCE_MS,
  );
}

/** What raw sockets have heard of counts, and when. */
const heard = new WeakMap<RawSocket, { readonly count: number; readonly atMs: number }[]>();

async function observer(url: string): Promise<RawSocket> {
  const socket = await openRawSocket(url);
  const list: { readonly count: number; readonly atMs: number }[] = [];
  heard.set(socket, list);
  socket.transport.on('message', (bytes: Buffer) => {
    const frame = JSON.parse(bytes.toString()) as Frame;
    if (frame.event !== 'pusher_internal:subscription_count') return;
    const { subscription_count: count } = JSON.parse(String(frame.data)) as {
      readonly subscription_count: number;
    };
    list.push({ count, atMs: performance.now() });
  });
  return socket;
}

function timed(socket: RawSocket): readonly { readonly count: number; readonly atMs: number }[] {
  return heard.get(socket) ?? [];
}

function countsOf(socket: RawSocket): readonly number[] {
  return timed(socket).map(({ count }) => count);
}

describe('subscription counts of a cluster', { concurrency: true }, () => {
  it('[SU30] reach pusher-js on both edges, as an event and on the channel, also where no worker runs', async () => {
    const name = 'counted';
    const marker = await observer(edgesAlone.edgeUrl(0));
    await marker.subscribe('marker');
    await told(marker, 1);
    const enter = async (edge: number): Promise<PusherChannel> =>
      subscribed(edgesAlone.pusherJs(edge).subscribe(name));
    const one = await enter(0);
    const first = inboxOf(one, 'pusher:subscription_count');
    await eventually(
      () => one.subscriptionCount === 1,
      () => `it is ${one.subscriptionCount}`,
    );
    const startedMs = performance.now();
    const pusher = edgesAlone.pusherJs(1);
    const two = pusher.subscribe(name);
    const second = inboxOf(two, 'pusher:subscription_count');
    assert.deepEqual(await second.next(), { subscription_count: 2 });
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 2_000, `connected and told after ${Math.round(tookMs)} ms`);
    assert.deepEqual(
      await first.take(2),
      [1, 2].map((count) => ({ subscription_count: count })),
    );
    assert.equal(two.subscriptionCount, 2);
    pusher.disconnect();
    assert.deepEqual(await first.next(), { subscription_count: 1 });
    await marker[Symbol.asyncDispose]();
  });

  it('[SU31] of more than a hundred are told at most once in five seconds, the last in the end, and of fewer soon', async () => {
    const name = 'crowded';
    const watcher = await observer(edgesAlone.edgeUrl(0));
    await watcher.subscribe(name);
    const crowd = await Promise.all(
      Array.from({ length: MANY + 80 }, (_, at) => openRawSocket(edgesAlone.edgeUrl(at % 2))),
    );
    for (const socket of crowd) socket.send('pusher:subscribe', { channel: name });
    await told(watcher, crowd.length + 1);
    const fromMs = performance.now();
    const before = timed(watcher).length;
    const leaving = crowd.slice(0, 60);
    for (const socket of leaving) {
      socket.send('pusher:unsubscribe', { channel: name });
      await pause(200);
    }
    await told(watcher, crowd.length + 1 - leaving.length);
    const times = timed(watcher).map(({ atMs }) => atMs);
    const gaps = times.slice(before).map((atMs, at) => atMs - (times[before + at - 1] ?? 0));
    const tooSoon = gaps.find((gap) => gap < INTERVAL_MS - 250);
    assert.equal(tooSoon, undefined, `told again after ${gaps.map(Math.round).join()} ms`);
    const most = Math.ceil((performance.now() - fromMs) / INTERVAL_MS) + 1;
    assert.ok(gaps.length >= 2 && gaps.length <= most, `told ${gaps.length} times`);
    for (const socket of crowd.slice(60, 90)) socket.send('pusher:unsubscribe', { channel: name });
    const leftMs = performance.now();
    await told(watcher, MANY + 81 - 90);
    const tookMs = performance.now() - leftMs;
    assert.ok(tookMs < 2_000, `told of fewer after ${Math.round(tookMs)} ms`);
    for (const socket of [watcher, ...crowd]) await socket[Symbol.asyncDispose]();
  });

  it('[SU32] reach the webhook that asks for them, down to zero, and no other', async () => {
    const name = 'private-watched';
    const sdk = withWorker.serverSdk(0);
    const clients = [
      await openClient(withWorker, 0, [name]),
      await openClient(withWorker, 1, [name]),
      await openClient(withWorker, 1, [name]),
    ];
    await untilCounts(sdk, { [name]: 3 });
    const webhooks = (): readonly unknown[] =>
      counting.accepted(name).map(({ event }) => event['subscription_count']);
    const hears = async (count: number): Promise<void> =>
      eventually(
        () => webhooks().at(-1) === count,
        () => `expected ${count}, heard ${webhooks().join()}`,
        GRACE_PATIENCE_MS,
      );
    await hears(3);
    for (const client of clients) await client[Symbol.asyncDispose]();
    await hears(0);
    const story = await usual.storyOf(name, 2, GRACE_PATIENCE_MS);
    assert.deepEqual(story, ['channel_occupied', 'channel_vacated']);
    assert.deepEqual([...new Set(counting.story(name))], ['subscription_count']);
  });

  it('[SU33] lose what an edge held as soon as it is written off', async () => {
    const name = 'bereft';
    const watcher = await observer(withWorker.edgeUrl(0));
    await watcher.subscribe(name);
    const gone = await openClient(withWorker, 1, [name]);
    await told(watcher, 2);
    await withWorker.edges[1]?.kill();
    await gone.closed;
    await told(watcher, 1);
    await watcher[Symbol.asyncDispose]();
  });
});
