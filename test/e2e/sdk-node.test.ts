import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { openRawSocket } from '../raw-socket.ts';
import { inboxOf, inState, subscribed, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { startSwitch } from '../switch.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);

/** One client on each edge, both subscribed. */
async function pair(
  channel: string,
  connect: (edge: number) => PusherJs = (edge) => cluster.pusherJs(edge),
): Promise<readonly [PusherJs, PusherJs]> {
  const both = [connect(0), connect(1)] as const;
  await Promise.all(both.map((pusher) => subscribed(pusher.subscribe(channel))));
  return both;
}

/** What the SDK cannot say: a caller that repeats a request names it, so that it counts once. */
async function triggerWithKey(
  channel: string,
  name: string,
  data: unknown,
  idempotencyKey: string,
): Promise<void> {
  const path = `/apps/${cluster.app.id}/events`;
  const body = JSON.stringify({ name, channel, data: JSON.stringify(data) });
  const query = sdk.createSignedQueryString({ method: 'POST', path, body });
  const { status } = await fetch(`${cluster.apiUrl(0)}${path}?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body,
  });
  assert.equal(status, 200);
}

describe('pusher-js and the pusher server SDK on two edges', () => {
  it('[EE11] hand an event from the SDK to the clients of every edge, its data intact', async () => {
    const clients = await pair('public');
    const inboxes = clients.map((pusher) => inboxOf(pusher.channel('public'), 'Ünïcode event'));
    const data = { text: 'snow ☃ and 😀', list: [1, 2.5, null, true], nested: { quote: '"\\\n' } };
    await sdk.trigger('public', 'Ünïcode event', data);
    for (const inbox of inboxes) assert.deepEqual(await inbox.next(), data);
  });

  it('[EE12] subscribe to private channels by what authorizeChannel signed', async () => {
    const clients = await pair('private-signed');
    const inboxes = clients.map((pusher) => inboxOf(pusher.channel('private-signed'), 'news'));
    await sdk.trigger('private-signed', 'news', { n: 1 });
    for (const inbox of inboxes) assert.deepEqual(await inbox.next(), { n: 1 });
  });

  it('[EE13] subscribe to private channels through an HTTP endpoint', async () => {
    const asked = new Inbox<string>('requests to the endpoint');
    const endpoint = createServer((request, response) => {
      let body = '';
      request.on('data', (bytes: Buffer) => (body += bytes.toString()));
      request.on('end', () => {
        asked.push(body);
        const form = new URLSearchParams(body);
        const answer = sdk.authorizeChannel(
          form.get('socket_id') ?? '',
          form.get('channel_name') ?? '',
        );
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      });
    }).listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    try {
      const { port } = endpoint.address() as AddressInfo;
      const pusher = cluster.pusherJs(0, {
        channelAuthorization: { transport: 'ajax', endpoint: `http://127.0.0.1:${port}/auth` },
      });
      await subscribed(pusher.subscribe('private-by-endpoint'));
      assert.equal(
        await asked.next(),
        `socket_id=${pusher.connection.socket_id}&channel_name=private-by-endpoint`,
      );
    } finally {
      endpoint.closeAllConnections();
      endpoint.close();
    }
  });

  it('[EE14] tell the channel of a subscription that was signed with another secret', async () => {
    const stranger = cluster.serverSdk(0, { secret: 'not-the-secret' });
    const pusher = cluster.pusherJs(1, {
      channelAuthorization: {
        customHandler: ({ socketId, channelName }, callback) =>
          callback(null, stranger.authorizeChannel(socketId, channelName)),
      },
    });
    const channel = pusher.subscribe('private-forged');
    const error = await inboxOf(channel, 'pusher:subscription_error').next();
    const { type, status } = error as { readonly type: string; readonly status: number };
    assert.deepEqual({ type, status }, { type: 'AuthError', status: 401 });
    assert.equal(pusher.connection.state, 'connected');
    assert.equal(channel.subscribed, false);
  });

  it('[EE15] keep an encrypted channel between the SDKs: the cluster sees the ciphertext only', async () => {
    const name = 'private-encrypted-vault';
    const clients = await pair(name);
    const inboxes = clients.map((pusher) => inboxOf(pusher.channel(name), 'secret'));
    await using wire = await openRawSocket(cluster.edgeUrl(1));
    await wire.subscribe(name, sdk.authorizeChannel(wire.id, name).auth);
    await sdk.trigger(name, 'secret', { code: 'open sesame' });
    for (const inbox of inboxes) assert.deepEqual(await inbox.next(), { code: 'open sesame' });
    const { data } = await wire.frames.next();
    assert.deepEqual(Object.keys(JSON.parse(String(data)) as object).toSorted(), [
      'ciphertext',
      'nonce',
    ]);
    assert.doesNotMatch(String(data), /sesame/);
  });

  it('[EE16] hand an event for a hundred channels to each of them once', async () => {
    const channels = Array.from({ length: 100 }, (_, n) => `wide-${n}`);
    const pusher = cluster.pusherJs(1);
    const heard = new Inbox<string>('events of a hundred channels');
    await Promise.all(
      channels.map(async (name) => {
        const channel = await subscribed(pusher.subscribe(name));
        channel.bind('wide', () => heard.push(name));
      }),
    );
    await sdk.trigger(channels, 'wide', {});
    await sdk.trigger(channels, 'wide', {});
    const all = await heard.take(200);
    assert.deepEqual(all.toSorted(), [...channels, ...channels].toSorted());
  });

  it('[EE17] keep the order of a batch on every edge', async () => {
    const clients = await pair('batch');
    const inboxes = clients.map((pusher) => inboxOf(pusher.channel('batch'), 'step'));
    const batches = [0, 1, 2].map((batch) =>
      Array.from({ length: 10 }, (_, n) => ({
        channel: 'batch',
        name: 'step',
        data: { n: 10 * batch + n },
      })),
    );
    for (const batch of batches) await sdk.triggerBatch(batch);
    const expected = Array.from({ length: 30 }, (_, n) => ({ n }));
    for (const inbox of inboxes) assert.deepEqual(await inbox.take(30), expected);
  });

  it('[EE18] leave out the socket that an event names, whichever edge it is on', async () => {
    const name = 'others';
    const clients = await pair(name);
    const neighbour = cluster.pusherJs(0);
    await subscribed(neighbour.subscribe(name));
    const inboxes = [...clients, neighbour].map((pusher) => inboxOf(pusher.channel(name), 'said'));
    for (const [excepted, pusher] of clients.entries()) {
      const socketId = { socket_id: pusher.connection.socket_id };
      await sdk.trigger(name, 'said', 'to the others', socketId);
      await sdk.triggerBatch([{ channel: name, name: 'said', data: 'again', ...socketId }]);
      await sdk.trigger(name, 'said', 'marker');
      for (const [index, inbox] of inboxes.entries()) {
        const expected = index === excepted ? ['marker'] : ['to the others', 'again', 'marker'];
        assert.deepEqual(await inbox.take(expected.length), expected);
      }
    }
  });

  it('[EE19] carry a client event to the clients of every edge but its sender', async () => {
    const name = 'private-chat';
    const clients = await pair(name);
    const neighbour = cluster.pusherJs(0);
    await subscribed(neighbour.subscribe(name));
    const inboxes = [...clients, neighbour].map((pusher) =>
      inboxOf(pusher.channel(name), 'client-typing'),
    );
    assert.ok(clients[0].channel(name).trigger('client-typing', { by: 'first' }));
    assert.deepEqual(await inboxes[1]?.next(), { by: 'first' });
    assert.deepEqual(await inboxes[2]?.next(), { by: 'first' });
    assert.ok(clients[1].channel(name).trigger('client-typing', { by: 'second' }));
    // The second is the marker: had the first come back to its sender, it would stand before it.
    assert.deepEqual(await inboxes[0]?.next(), { by: 'second' });
  });

  it('[EE20] hear nothing of a channel after unsubscribe, and everything again after subscribe', async () => {
    // A neighbour that stays keeps the channel alive on the edge of the one that leaves.
    const [leaver, neighbour] = [cluster.pusherJs(0), cluster.pusherJs(0)];
    await subscribed(leaver.subscribe('left'));
    const stays = inboxOf(await subscribed(neighbour.subscribe('left')), 'after');
    await subscribed(leaver.subscribe('marker'));
    // What comes over the wire: pusher-js itself is silent on channels it has left.
    const heard = new Inbox<string>('events of the one that left');
    leaver.connection.bind('message', ({ event }: { readonly event: string }) => heard.push(event));
    leaver.unsubscribe('left');
    // Frames of a socket are handled in order, so the confirmation means that it has left.
    await subscribed(leaver.subscribe('barrier'));
    await sdk.trigger('left', 'after', {});
    await stays.next();
    await sdk.trigger('marker', 'marked', {});
    const events = await heard.takeUntil((event) => event === 'marked');
    assert.ok(!events.includes('after'), events.join());
    const back = inboxOf(await subscribed(leaver.subscribe('left')), 'after');
    await sdk.trigger('left', 'after', { n: 2 });
    assert.deepEqual(await back.next(), { n: 2 });
  });

  it('[EE21] hear an event once, however often it was subscribed to, named or repeated', async () => {
    const pusher = cluster.pusherJs(0);
    const channel = await subscribed(pusher.subscribe('twice'));
    assert.equal(pusher.subscribe('twice'), channel);
    const errors = new Inbox<unknown>('errors');
    pusher.connection.bind('error', errors.push);
    // What the SDK would not do by itself.
    pusher.send_event('pusher:subscribe', { channel: 'twice', auth: '' });
    assert.deepEqual(await errors.next(), {
      type: 'PusherError',
      data: { code: null, message: 'Existing subscription to channel twice' },
    });
    const inbox = inboxOf(channel, 'once');
    await sdk.trigger(['twice', 'twice'], 'once', { n: 1 });
    for (const _attempt of [1, 2, 3]) await triggerWithKey('twice', 'once', { n: 2 }, 'key-of-2');
    await sdk.trigger('twice', 'once', { n: 3 });
    assert.deepEqual(await inbox.take(3), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('[EE22] learn from connection.bind(error) that the key is unknown, and do not try again', async () => {
    const pusher = cluster.pusherJs(0, {}, 'nobodys-key');
    const errors = new Inbox<unknown>('errors');
    pusher.connection.bind('error', errors.push);
    assert.deepEqual(await errors.next(), {
      type: 'WebSocketError',
      error: {
        type: 'PusherError',
        data: {
          code: 4001,
          message:
            'App key nobodys-key not in this cluster. Did you forget to specify the cluster?',
        },
      },
    });
    await inState(pusher, 'disconnected');
  });

  it('[EE23] come back by themselves after their edge was restarted, with every subscription', async () => {
    // pusher-js asks only every 15 s for a server that refuses connections; a balancer does not.
    await using balancer = await startSwitch(cluster.edges[1]?.port ?? 0);
    const [witness, client] = await pair('private-restart', (edge) =>
      cluster.pusherJs(edge, edge === 1 ? { wsPort: balancer.port } : {}),
    );
    await subscribed(client.subscribe('restart'));
    const inboxes = ['private-restart', 'restart'].map((name) =>
      inboxOf(client.channel(name), 'e'),
    );
    const before = { client: client.connection.socket_id, witness: witness.connection.socket_id };
    const back = new Inbox<string>('confirmations after the restart');
    for (const name of ['private-restart', 'restart'])
      client.channel(name).bind('pusher:subscription_succeeded', () => back.push(name));
    balancer.hold();
    await cluster.restartEdge(1);
    balancer.use(cluster.edges[1]?.port ?? 0);
    assert.deepEqual((await back.take(2)).toSorted(), ['private-restart', 'restart']);
    assert.notEqual(client.connection.socket_id, before.client);
    assert.equal(witness.connection.socket_id, before.witness);
    await sdk.trigger(['private-restart', 'restart'], 'e', { n: 1 });
    for (const inbox of inboxes) assert.deepEqual(await inbox.next(), { n: 1 });
  });
});
