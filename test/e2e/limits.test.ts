import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import { answerOfEdge } from '../app-operator.ts';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { inState, PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';

const CONNECTIONS_MAX = 4;
const RATE = 20;
const cluster = await startCluster({
  edges: 2,
  apis: 2,
  app: {
    authorizedConnections: true,
    limits: {
      maxConnections: CONNECTIONS_MAX,
      authorizationTimeoutSeconds: 2,
      maxTriggersPerSecond: RATE,
      maxReadsPerSecond: RATE,
    },
  },
});
after(() => cluster[Symbol.asyncDispose]());

/** A socket that has shown whose it is. */
async function openAuthorized(edge: number): Promise<RawSocket> {
  const socket = await openRawSocket(cluster.edgeUrl(edge));
  const { auth } = cluster.serverSdk(0).authorizeChannel(socket.id, 'private-a');
  await socket.subscribe('private-a', auth);
  return socket;
}

const answerOf = async (edge: number): Promise<'in' | number> =>
  answerOfEdge(cluster, edge, cluster.app.key);

async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof PusherServer.RequestError) return error.status ?? 0;
    throw error;
  }
}

describe("An app's limits in a cluster", () => {
  it('[LM72] connections of all edges count: a full app is full on every edge, and has room again when one has gone', async () => {
    const sockets = [await openAuthorized(0), await openAuthorized(0), await openAuthorized(1)];
    sockets.push(await openAuthorized(1));
    try {
      // Each edge has read what the other one has within some seconds; until then it may let one in.
      for (const edge of [0, 1])
        await eventually(
          async () => (await answerOf(edge)) === 4004,
          () => `edge ${edge} lets more in than the app may have`,
        );
      assert.deepEqual([await answerOf(0), await answerOf(1)], [4004, 4004]);
      for (const socket of sockets) assert.deepEqual(await socket.untilPong(), []);
      await sockets.shift()?.[Symbol.asyncDispose]();
      await eventually(
        async () => (await answerOf(1)) === 'in',
        () => 'the free place was not noticed',
      );
    } finally {
      for (const socket of sockets) await socket[Symbol.asyncDispose]();
    }
  });

  it('[LM73] two API nodes together take no more events, and answer no more questions, than the rate', async () => {
    const sdks = [cluster.serverSdk(0), cluster.serverSdk(1)] as const;
    const kinds = [
      (at: number) => sdks[at % 2 === 0 ? 0 : 1].trigger('lobby', 'tick', { at }),
      (at: number) => sdks[at % 2 === 0 ? 0 : 1].get({ path: '/channels' }),
    ];
    for (const call of kinds) {
      const begunMs = performance.now();
      const calls = Array.from({ length: 6 * RATE }, (_, at) => statusOf(call(at)));
      const statuses = await Promise.all(calls);
      const seconds = (performance.now() - begunMs) / 1000;
      const taken = statuses.filter((status) => status === 200).length;
      const refused = statuses.filter((status) => status === 429).length;
      assert.equal(taken + refused, statuses.length);
      // A second's worth at once, and what the time allows; not less than the first.
      const most = RATE + Math.ceil(seconds * RATE);
      assert.ok(taken >= RATE && taken <= most, `${taken} of ${most} taken in ${seconds} s`);
      await eventually(
        async () => (await statusOf(call(0))) === 200,
        () => 'the rate does not come back',
      );
    }
  });

  it('[LM74] pusher-js that shows nothing is told 4009 and does not come back; one that subscribes stays', async () => {
    const silent = cluster.pusherJs(0);
    const told = new Promise<unknown>((resolve) => {
      silent.connection.bind('error', (error: { readonly error?: unknown }) => resolve(error));
    });
    await inState(silent, 'connected');
    const shown = cluster.pusherJs(1);
    await inState(shown, 'connected');
    const joined = new Promise<void>((resolve) => {
      shown.subscribe('private-b').bind('pusher:subscription_succeeded', () => resolve());
    });
    await within(joined, PATIENCE_MS, () => 'private-b was not confirmed');
    const error = await within(told, PATIENCE_MS, () => 'nothing was told');
    assert.match(JSON.stringify(error), /4009.*Connection not authorized within timeout/);
    await inState(silent, 'disconnected');
    assert.equal(shown.connection.state, 'connected');
  });
});
