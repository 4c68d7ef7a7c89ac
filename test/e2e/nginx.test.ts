import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import { WebSocket } from 'ws';
import { metric, startCluster, type Member } from '../cluster.ts';
import { startFanfareNginx } from '../fanfare-nginx.ts';
import { startPusherChild, type PusherChild } from '../pusher-child.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';

const cluster = await startCluster({ edges: 2, apis: 2, env: { DRAIN_SECONDS: '1' } });
after(() => cluster[Symbol.asyncDispose]());
const nginx = await startFanfareNginx({
  edges: cluster.edges.map(({ port }) => port),
  apis: cluster.apis.map(({ port }) => port),
});
after(() => nginx[Symbol.asyncDispose]());

const agent = new Agent({ ca: nginx.certificate, keepAlive: true });
after(() => agent.destroy());
const sdk = new PusherServer({
  appId: cluster.app.id,
  key: cluster.app.key,
  secret: cluster.app.secret,
  host: '127.0.0.1',
  port: String(nginx.tlsPort),
  useTLS: true,
  agent,
});

function startClient(name: string, key = cluster.app.key): PusherChild {
  return startPusherChild(name, nginx.certificateFile, {
    key,
    event: 'news',
    channels: ['updates'],
    options: {
      wsHost: 'localhost',
      wssPort: nginx.tlsPort,
      forceTLS: true,
      enabledTransports: ['ws', 'wss'],
    },
  });
}

/** A client that is subscribed, and the id of its socket. */
interface Opened extends AsyncDisposable {
  readonly client: PusherChild;
  readonly socketId: string;
}

async function openClient(name: string): Promise<Opened> {
  const client = startClient(name);
  const { socketId } = await client.subscribed.next();
  return { client, socketId, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

/** The edges that hold sockets, once there are so many in all: a killed client's goes a moment later. */
async function holders(sockets: number): Promise<readonly Member[]> {
  const look = async (): Promise<readonly Member[]> => {
    for (;;) {
      const counts = await Promise.all(
        cluster.edges.map(async (edge) => metric(edge, 'fanfare_connections')),
      );
      if (counts.reduce((sum, count) => sum + count, 0) === sockets)
        return cluster.edges.filter((_, index) => counts[index] !== 0);
    }
  };
  return within(look(), PATIENCE_MS, () => `the edges do not hold ${sockets} sockets`);
}

/** Beside one client on one edge, a second one on the other. */
async function openElsewhere(name: string): Promise<Opened> {
  const open = async (): Promise<Opened> => {
    for (;;) {
      const opened = await openClient(name);
      if ((await holders(2)).length === 2) return opened;
      // nginx still avoided the other edge, which an earlier test had killed.
      await opened[Symbol.asyncDispose]();
      await holders(1);
    }
  };
  return within(open(), 2 * PATIENCE_MS, () => 'nginx uses only one edge');
}

async function dataOf(client: PusherChild, count: number): Promise<readonly unknown[]> {
  return (await client.events.take(count)).map(({ data }) => data);
}

describe('a cluster behind nginx with deploy/nginx.conf', () => {
  it('[DP13] hands what the server SDK triggers over https to pusher-js over wss', async () => {
    await using opened = await openClient('a client');
    await sdk.trigger('updates', 'news', { text: 'snow ☃', list: [1, null] });
    assert.deepEqual(await opened.client.events.next(), {
      kind: 'event',
      channel: 'updates',
      data: { text: 'snow ☃', list: [1, null] },
    });
  });

  it('[DP14] brings the clients of a killed edge to another, subscribed, by themselves', async () => {
    await using opened = await openClient('the client of the killed edge');
    const { client, socketId } = opened;
    const [edge] = await holders(1);
    assert.ok(edge !== undefined);
    await edge.kill();
    const again = await client.subscribed.next();
    assert.equal(again.channel, 'updates');
    assert.notEqual(again.socketId, socketId);
    await sdk.trigger('updates', 'news', 'after the crash');
    assert.deepEqual(await dataOf(client, 1), ['after the crash']);
    await cluster.restartEdge(cluster.edges.indexOf(edge));
  });

  it('[DP15] moves the clients of an edge that drains by 4200, and loses nothing for them once they are subscribed again', async () => {
    await using moved = await openClient('the client of the edge that drains');
    const [edge] = await holders(1);
    assert.ok(edge !== undefined);
    await using witness = await openElsewhere('the client of the other edge');

    edge.process.signal('SIGTERM');
    // It reaches the client before its socket is closed, or not at all: the gap that a drain leaves.
    await sdk.trigger('updates', 'news', 'during the drain');
    assert.equal((await moved.client.errors.next()).code, 4200);
    const again = await moved.client.subscribed.next();
    assert.notEqual(again.socketId, moved.socketId);
    const later = Array.from({ length: 20 }, (_, n) => `after the drain ${n}`);
    for (const text of later) await sdk.trigger('updates', 'news', text);

    const heard = await moved.client.events.takeUntil(({ data }) => data === later.at(-1));
    assert.deepEqual(
      heard.map(({ data }) => data).filter((text) => text !== 'during the drain'),
      later,
    );
    // Whoever was on the other edge noticed nothing.
    assert.deepEqual(await dataOf(witness.client, 21), ['during the drain', ...later]);
    assert.equal(witness.client.subscribed.size + witness.client.errors.size, 0);
    assert.deepEqual(await edge.process.exited(), { code: 0, signal: null });
    await cluster.restartEdge(cluster.edges.indexOf(edge));
  });

  it('[DP16] lets the close code of a refused connection through', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${nginx.tlsPort}/app/nobody?protocol=7`, {
      ca: nginx.certificate,
    });
    const [code] = (await within(
      once(socket, 'close'),
      PATIENCE_MS,
      () => 'a socket with an unknown key was not closed',
    )) as [number];
    assert.equal(code, 4001);

    await using client = startClient('a client with an unknown key', 'nobody');
    assert.equal((await client.errors.next()).code, 4001);
    const states = await client.states.takeUntil(({ state }) => state === 'disconnected');
    assert.ok(!states.some(({ state }) => state === 'connected'));
  });

  it('[DP17] takes a call to another api when one refuses the connection', async () => {
    await using opened = await openClient('a client');
    const [api, other] = cluster.apis;
    assert.ok(api !== undefined && other !== undefined);
    await api.kill();
    const texts = Array.from({ length: 10 }, (_, n) => `with one api less ${n}`);
    for (const text of texts) await sdk.trigger('updates', 'news', text);
    assert.deepEqual(await dataOf(opened.client, texts.length), texts);
  });
});
