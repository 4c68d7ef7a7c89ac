import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type PusherJsModule from 'pusher-js';
import { startBackend } from '../backend.ts';
import { startCluster } from '../cluster.ts';
import { inboxOf, inState, PusherJsClass, subscribed, type PusherChannel } from '../sdk.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
const backend = await startBackend(cluster.serverSdk(0));
after(async () => {
  for (const each of [backend, cluster]) await each[Symbol.asyncDispose]();
});

/** The member that a presence channel takes the client for. */
function meOf(channel: PusherChannel): unknown {
  return (channel as PusherJsModule.PresenceChannel).members.me;
}

const USER_7 = { id: '7', info: { name: 'user 7' } };

describe('how pusher-js asks for its channels', () => {
  it('[SK30] channelAuthorization: endpoint, params and headers, also those that a function gives', async () => {
    let token = 0;
    const pusher = cluster.pusherJs(0, {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: `${backend.url}/channels`,
        params: { user: '7' },
        headers: { 'X-Fixed': 'a' },
        paramsProvider: () => ({ tenant: 'ü & ö' }),
        headersProvider: () => ({ Authorization: `Bearer ${(token += 1)}` }),
      },
    });
    for (const count of [1, 2]) {
      const channel = await subscribed<PusherChannel>(pusher.subscribe(`presence-asked-${count}`));
      assert.deepEqual(meOf(channel), USER_7);
      const { method, path, headers, form } = await backend.asked.next();
      assert.deepEqual([method, path], ['POST', '/channels']);
      assert.deepEqual(
        [headers['x-fixed'], headers.authorization, headers['content-type']],
        ['a', `Bearer ${count}`, 'application/x-www-form-urlencoded'],
      );
      assert.deepEqual(form, {
        socket_id: pusher.connection.socket_id,
        channel_name: `presence-asked-${count}`,
        user: '7',
        tenant: 'ü & ö',
      });
    }
  });

  it('[SK31] the options of older versions: authEndpoint, auth and authorizer', async () => {
    const { channelAuthorization: _newer, ...without } = cluster.pusherJs(0).options;
    const old = { ...without, wsPort: cluster.edges[1]?.port ?? 0 };
    const byEndpoint = new PusherJsClass(cluster.app.key, {
      ...old,
      authEndpoint: `${backend.url}/old`,
      auth: { params: { user: '7' }, headers: { 'X-Old': 'yes' } },
    });
    const byAuthorizer = new PusherJsClass(cluster.app.key, {
      ...old,
      authorizer: (channel) => ({
        authorize: (socketId, callback) =>
          callback(null, cluster.serverSdk(0).authorizeChannel(socketId, channel.name)),
      }),
    });
    try {
      const channel = await subscribed<PusherChannel>(byEndpoint.subscribe('presence-old'));
      assert.deepEqual(meOf(channel), USER_7);
      const { path, headers } = await backend.asked.next();
      assert.deepEqual([path, headers['x-old']], ['/old', 'yes']);
      await subscribed(byAuthorizer.subscribe('private-old'));
    } finally {
      byEndpoint.disconnect();
      byAuthorizer.disconnect();
    }
  });

  it('[SK32] what the endpoint refuses is told to the channel with its status, and a later attempt succeeds', async () => {
    const pusher = cluster.pusherJs(1, {
      channelAuthorization: { transport: 'ajax', endpoint: `${backend.url}/channels` },
    });
    await inState(pusher, 'connected');
    for (const [refusal, status] of [
      [{ status: 403, body: 'Forbidden' }, 403],
      [{ status: 200, body: 'no JSON' }, 200],
    ] as const) {
      backend.refuse(refusal);
      const channel = pusher.subscribe('private-refused');
      const error = await inboxOf(channel, 'pusher:subscription_error').next();
      const { type, status: told } = error as Readonly<Record<string, unknown>>;
      assert.deepEqual([type, told, channel.subscribed], ['AuthError', status, false]);
    }
    backend.refuse();
    await subscribed(pusher.subscribe('private-refused'));
  });
});
