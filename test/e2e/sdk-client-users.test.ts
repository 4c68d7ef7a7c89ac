import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type PusherJsModule from 'pusher-js';
import { startBackend } from '../backend.ts';
import { startCluster } from '../cluster.ts';
import {
  forgetClosedSockets,
  inboxOf,
  inState,
  PATIENCE_MS,
  subscribed,
  type PusherChannel,
  type PusherJs,
  type PusherJsOptions,
} from '../sdk.ts';
import { answerWith, sdkOptions, serverSdkKinds } from '../server-sdks.ts';
import { within } from '../support/deadline.ts';
import { Inbox } from '../support/inbox.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
forgetClosedSockets();
const sdk = cluster.serverSdk(0);
const backend = await startBackend(sdk);
after(async () => {
  for (const each of [backend, cluster]) await each[Symbol.asyncDispose]();
});
/** Every character that the id of a user may have. */
const LEGAL = 'aZ09_-=@,.;';

/** A pusher-js whose backend signs it in as the user that it asks for. */
function clientOf(user: string, edge: number, options: PusherJsOptions = {}): PusherJs {
  return cluster.pusherJs(edge, {
    userAuthentication: {
      transport: 'ajax',
      endpoint: `${backend.url}/users`,
      params: { user },
    },
    ...options,
  });
}

async function signedIn(pusher: PusherJs): Promise<PusherJs> {
  pusher.signin();
  await within(pusher.user.signinDonePromise, PATIENCE_MS, () => 'pusher-js did not sign in');
  assert.notEqual(pusher.user.user_data, null);
  return pusher;
}

function userInbox(pusher: PusherJs, event: string): Inbox<unknown> {
  const inbox = new Inbox<unknown>(`${event} for the user`);
  pusher.user.bind(event, inbox.push);
  return inbox;
}

describe('users of pusher-js', () => {
  it('[SK50] userAuthentication: endpoint, params and headers, also those that a function gives', async () => {
    const pusher = clientOf('7', 0, {
      userAuthentication: {
        transport: 'ajax',
        endpoint: `${backend.url}/users`,
        params: { user: '7' },
        headers: { 'X-Fixed': 'a' },
        paramsProvider: () => ({ tenant: 'ü' }),
        headersProvider: () => ({ Authorization: 'Bearer token' }),
      },
    });
    const success = new Inbox<unknown>('successes');
    pusher.bind('pusher:signin_success', success.push);
    await signedIn(pusher);
    const data = { id: '7', user_info: { name: 'user 7' } };
    assert.deepEqual(pusher.user.user_data, data);
    assert.deepEqual(await success.next(), { user_data: JSON.stringify(data) });
    const { method, path, headers, form } = await backend.asked.next();
    assert.deepEqual([method, path], ['POST', '/users']);
    assert.deepEqual([headers['x-fixed'], headers.authorization], ['a', 'Bearer token']);
    assert.deepEqual(form, {
      socket_id: pusher.connection.socket_id,
      user: '7',
      tenant: 'ü',
    });
  });

  it('[SK51] signin before it is connected, twice and again after a new connection', async () => {
    const pusher = clientOf(LEGAL, 1);
    pusher.signin();
    pusher.signin();
    const greetings = userInbox(pusher, 'greeting');
    await within(pusher.user.signinDonePromise, PATIENCE_MS, () => 'pusher-js did not sign in');
    await sdk.sendToUser(LEGAL, 'greeting', 1);
    assert.equal(await greetings.next(), 1);
    const success = new Inbox<unknown>('successes');
    pusher.bind('pusher:signin_success', success.push);
    pusher.disconnect();
    assert.equal(pusher.user.user_data, null);
    pusher.connect();
    await success.next();
    await sdk.sendToUser(LEGAL, 'greeting', 2);
    assert.equal(await greetings.next(), 2);
    assert.equal(success.size, 0);
  });

  it('[SK52] the listeners of the user hear its events of every kind of data, and stop hearing', async () => {
    const pusher = await signedIn(clientOf('bound', 0));
    const heard = new Inbox<unknown>('listeners');
    const listener = (data: unknown): void => heard.push(data);
    const all = (event: string, data: unknown): void => heard.push([event, data]);
    pusher.user.bind('e', listener);
    for (const data of [{ a: 1 }, 'text', 7, [null]]) {
      await sdk.sendToUser('bound', 'e', data);
      assert.deepEqual(await heard.next(), data);
    }
    pusher.user.unbind('e', listener).bind_global(all);
    await sdk.sendToUser('bound', 'e', 1);
    assert.deepEqual(await heard.next(), ['e', 1]);
    pusher.user.unbind_global(all).bind('e', listener).unbind_all();
    const last = userInbox(pusher, 'last');
    await sdk.sendToUser('bound', 'e', 2);
    await sdk.sendToUser('bound', 'last', {});
    await last.next();
    assert.equal(heard.size, 0, heard.describe());
  });

  it('[SK53] what backend or server refuses leaves nobody signed in; the connection and its channels stay', async () => {
    const pusher = clientOf('refused', 0);
    const channel = await subscribed(pusher.subscribe('stays'));
    backend.refuse({ status: 403, body: 'Forbidden' });
    const errors = userInbox(pusher, 'pusher:signin_error');
    pusher.signin();
    const { type, status } = (await errors.next()) as Readonly<Record<string, unknown>>;
    assert.deepEqual([type, status, pusher.user.user_data], ['AuthError', 403, null]);
    backend.refuse();

    const stranger = cluster.serverSdk(0, { secret: 'another' });
    const forged = cluster.pusherJs(1, {
      userAuthentication: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId }, callback) =>
          callback(null, stranger.authenticateUser(socketId, { id: 'refused' })),
      },
    });
    await inState(forged, 'connected');
    const inBand = new Inbox<{ data: { code: null; message: string } }>('errors');
    forged.connection.bind('error', inBand.push);
    forged.signin();
    const { data } = await inBand.next();
    assert.equal(data.code, null);
    assert.match(data.message, /^Invalid signature: /);
    assert.equal(forged.user.user_data, null);
    const inbox = inboxOf(channel, 'e');
    await sdk.trigger('stays', 'e', 1);
    assert.equal(await inbox.next(), 1);
    assert.equal(forged.connection.state, 'connected');
  });

  it('[SK54] a presence channel that is asked for in the turn of the signin is joined as the user', async () => {
    const pusher = clientOf('eager', 0, {
      // As a backend answers that leaves the user to the signin.
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) =>
          callback(null, sdk.authorizeChannel(socketId, channelName)),
      },
    });
    pusher.signin();
    const channel = await subscribed<PusherChannel>(pusher.subscribe('presence-eager'));
    const { members } = channel as PusherJsModule.PresenceChannel;
    assert.deepEqual(members.me, { id: 'eager', info: { name: 'user eager' } });
  });

  it('[SK55] the watchlist tells who is online and offline, also after a new connection', async () => {
    const watching = { id: 'watcher', watchlist: ['watched', 'absent'] };
    const pusher = cluster.pusherJs(0, {
      userAuthentication: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId }, callback) =>
          callback(null, sdk.authenticateUser(socketId, watching)),
      },
    });
    const heard = new Inbox<unknown>('watchlist');
    const everything = new Inbox<unknown>('all of the watchlist');
    pusher.user.watchlist.bind('online', heard.push).bind('offline', heard.push);
    pusher.user.watchlist.bind_global((event: string) => everything.push(event));
    await signedIn(pusher);
    const { name, user_ids: ids } = (await heard.next()) as { name: string; user_ids: string[] };
    assert.deepEqual([name, ids.toSorted()], ['offline', ['absent', 'watched']]);
    const watched = await signedIn(clientOf('watched', 1));
    assert.deepEqual(await heard.next(), { name: 'online', user_ids: ['watched'] });
    assert.deepEqual(await everything.take(2), ['offline', 'online']);
    pusher.disconnect();
    pusher.connect();
    assert.deepEqual(await heard.take(2), [
      { name: 'offline', user_ids: ['absent'] },
      { name: 'online', user_ids: ['watched'] },
    ]);
    watched.disconnect();
    assert.deepEqual(await heard.next(), { name: 'offline', user_ids: ['watched'] });
    pusher.user.watchlist.unbind_all();
  });

  for (const kind of serverSdkKinds) {
    const server = kind.open(sdkOptions(cluster));
    it(`[SK56] ${kind.name}: authenticateUser, sendToUser and terminateUserConnections`, async () => {
      const user = `${LEGAL}${kind.name}`;
      const connect = (edge: number): PusherJs =>
        cluster.pusherJs(edge, {
          userAuthentication: {
            transport: 'ajax',
            endpoint: '',
            customHandler: ({ socketId }, callback) =>
              answerWith(server.authenticateUser(socketId, { id: user }), callback),
          },
        });
      const clients = [await signedIn(connect(0)), await signedIn(connect(1))];
      const inboxes = clients.map((pusher) => userInbox(pusher, 'e'));
      assert.deepEqual(await (await server.sendToUser(user, 'e', { n: 1 })).json(), {});
      for (const inbox of inboxes) assert.deepEqual(await inbox.next(), { n: 1 });
      assert.deepEqual(await (await server.sendToUser('nobody', 'e', {})).json(), {});
      const answer = await server.terminateUserConnections(user);
      assert.equal(answer.status, 200);
      assert.deepEqual(await answer.json(), {});
      for (const pusher of clients) await inState(pusher, 'disconnected');
      assert.equal((await server.terminateUserConnections('nobody')).status, 200);
    });
  }
});
