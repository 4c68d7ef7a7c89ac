import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openRawClient, type RawClient } from '../bench/raw-client.ts';
import { metric, startCluster } from '../cluster.ts';
import { openRawSocket } from '../raw-socket.ts';
import { within } from '../support/deadline.ts';
import { Inbox } from '../support/inbox.ts';

const CLIENTS = 2_000;
/** Under a second where the machine has nothing else to do; both sides of it run here. */
const BOUND_MS = 15_000;

const cluster = await startCluster({ edges: 1, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());

describe('a crowd that comes all at once', () => {
  it('[SL30] is let in whole, and who was there before gets every event in the meantime', async () => {
    const url = new URL(cluster.edgeUrl(0));
    const sdk = cluster.serverSdk(0);
    await using there = await openRawSocket(url.href);
    await there.subscribe('news');

    const startMs = performance.now();
    const crowd = Array.from({ length: CLIENTS }, async (_, at) => arrive(url, `room-${at}`));
    const arrived = within(
      Promise.all(crowd),
      BOUND_MS,
      () => 'the edge has not let all of them in',
    );
    const progress = { isOver: false };
    const over = arrived.finally(() => {
      progress.isOver = true;
    });
    over.catch(() => {});
    let told = 0;
    let slowestMs = 0;
    while (!progress.isOver) {
      const sentMs = performance.now();
      await sdk.trigger('news', 'told', String(told));
      const { data } = await there.frames.next();
      assert.equal(data, String(told));
      told += 1;
      slowestMs = Math.max(slowestMs, performance.now() - sentMs);
    }
    const clients = await over;
    const tookMs = performance.now() - startMs;

    assert.ok(told >= 3, `${told} events in ${tookMs} ms`);
    assert.ok(slowestMs < BOUND_MS / 3, `an event took ${slowestMs} ms`);
    const [edge] = cluster.edges;
    assert.equal(await metric(edge, 'fanfare_connections'), CLIENTS + 1);
    assert.equal(await metric(edge, 'fanfare_subscriptions'), CLIENTS + 1);
    assert.ok((await metric(edge, 'fanfare_connections_delayed_total')) > 0, 'nobody had to wait');
    assert.deepEqual(await there.untilPong(), []);
    for (const client of clients) client.close();
    await Promise.all(clients.map(({ closed }) => closed));
  });
});

/** Resolves once the client is subscribed; rejects if the edge sends it away. */
async function arrive(url: URL, channel: string): Promise<RawClient> {
  const frames = new Inbox<string>(`frames of ${channel}`);
  const client = await openRawClient(url, (payload) => frames.push(payload.toString()));
  void client.closed.then(() => frames.end('the edge has closed it'));
  const next = async (event: string): Promise<void> => {
    const frame = await frames.next(BOUND_MS);
    if (!frame.startsWith(`{"event":"${event}"`)) throw new Error(`${frame} instead of ${event}`);
  };
  await next('pusher:connection_established');
  client.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
  await next('pusher_internal:subscription_succeeded');
  return client;
}
