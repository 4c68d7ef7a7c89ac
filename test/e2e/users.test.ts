import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster, type Cluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import {
  forgetClosedSockets,
  inState,
  PATIENCE_MS,
  subscribed,
  type PusherChannel,
  type PusherJs,
} from '../sdk.ts';
import { within } from '../support/deadline.ts';
import { Inbox } from '../support/inbox.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { usersOf } from '../truth.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());
forgetClosedSockets();
const sdk = cluster.serverSdk(0);

interface UserOptions {
  readonly watchlist?: readonly string[];
  readonly info?: object;
}

/** A pusher-js whose backend signs it in as the user. */
function clientOf(
  user: string,
  edge: number,
  { watchlist, info }: UserOptions = {},
  of: Cluster = cluster,
): PusherJs {
  const backend = of.serverSdk(0);
  const userData = {
    id: user,
    ...(info !== undefined && { user_info: info }),
    ...(watchlist !== undefined && { watchlist: [...watchlist] }),
  };
  return of.pusherJs(edge, {
    userAuthentication: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId }, callback) => {
        const { auth, user_data: data } = backend.authenticateUser(socketId, userData);
        callback(null, { auth, user_data: data ?? JSON.stringify(userData) });
      },
    },
  });
}

/** Resolves once the server has confirmed it. */
async function signedIn(pusher: PusherJs): Promise<PusherJs> {
  await inState(pusher, 'connected');
  pusher.signin();
  await within(pusher.user.signinDonePromise, PATIENCE_MS, () => 'pusher-js is not signed in');
  assert.notEqual(pusher.user.user_data, null);
  return pusher;
}

/** What pusher-js hands to the user's own listeners of an event. */
function userInbox(pusher: PusherJs, event: string): Inbox<unknown> {
  const inbox = new Inbox<unknown>(`${event} for the user`);
  pusher.user.bind(event, inbox.push);
  return inbox;
}

/** What it hands to those of its watchlist: `+` before who came, `-` before who went. */
function watchInbox(pusher: PusherJs): Inbox<string> {
  const inbox = new Inbox<string>('watchlist');
  for (const [name, mark] of [
    ['online', '+'],
    ['offline', '-'],
  ] as const)
    pusher.user.watchlist.bind(name, ({ user_ids: ids }: { user_ids: readonly string[] }) => {
      for (const id of ids) inbox.push(`${mark}${id}`);
    });
  return inbox;
}

describe('users over two edges', () => {
  it('[US70] pusher-js signs in and hears, on every edge, what the SDK sends to the user', async () => {
    const [one, two, other] = [clientOf('7', 0), clientOf('7', 1), clientOf('70', 1)];
    const inboxes = [one, two, other].map((pusher) => userInbox(pusher, 'greeting'));
    for (const pusher of [one, two, other]) await signedIn(pusher);
    assert.deepEqual(one.user.user_data, { id: '7' });
    await sdk.sendToUser('7', 'greeting', { n: 1 });
    await sdk.sendToUser('70', 'greeting', { n: 2 });
    const heard = await Promise.all(inboxes.map(async (inbox) => inbox.next()));
    assert.deepEqual(heard, [{ n: 1 }, { n: 1 }, { n: 2 }]);
    await eventually(
      () => one.user.serverToUserChannel.subscribed,
      () => 'its own channel was not confirmed',
    );
    await sdk.sendToUser('7', 'greeting', { n: 3 });
    assert.deepEqual(await inboxes[0]?.next(), { n: 3 });
    assert.deepEqual(await inboxes[1]?.next(), { n: 3 });
    assert.deepEqual(
      inboxes.map(({ size }) => size),
      [0, 0, 0],
    );
  });

  it('[US71] pusher-js joins a presence channel as the user it is signed in as', async () => {
    const pusher = clientOf('me', 0, { info: { name: 'Me' } });
    // Without a user of its own, the backend signs the channel alone.
    await signedIn(pusher);
    const channel = await subscribed<PusherChannel>(pusher.subscribe('presence-own'));
    const { members } = channel as unknown as { members: { me: unknown; count: number } };
    assert.deepEqual(members.me, { id: 'me', info: { name: 'Me' } });
    assert.deepEqual(await usersOf(sdk, 'presence-own'), ['me']);
  });

  it('[US72] pusher-js is told who of its watchlist comes and goes, wherever', async () => {
    const friend = await signedIn(clientOf('friend', 1));
    const watcher = clientOf('watcher', 0, { watchlist: ['friend', 'stranger'] });
    const heard = watchInbox(watcher);
    await signedIn(watcher);
    const first = await heard.take(2);
    // A friend whom the store has not counted yet is told of right behind.
    if (first.includes('-friend')) assert.equal(await heard.next(), '+friend');
    else assert.deepEqual(first.toSorted(), ['+friend', '-stranger']);
    const stranger = await signedIn(clientOf('stranger', 0));
    assert.equal(await heard.next(), '+stranger');
    const tab = await signedIn(clientOf('stranger', 1));
    stranger.disconnect();
    // A reload: away for less than three seconds.
    friend.disconnect();
    await signedIn(clientOf('friend', 0));
    const leftMs = performance.now();
    tab.disconnect();
    assert.equal(await heard.next(), '-stranger');
    assert.ok(performance.now() - leftMs > 2_500, 'it could have been back');
    assert.equal(heard.size, 0);
  });

  it('[US73] the SDK ends the connections of a user on every edge, and pusher-js stays away', async () => {
    const [one, two, other] = [clientOf('bad', 0), clientOf('bad', 1), clientOf('good', 1)];
    const codes = new Inbox<unknown>('errors');
    for (const pusher of [one, two, other]) {
      await signedIn(pusher);
      pusher.connection.bind('error', ({ data }: { data?: { code?: number } }) =>
        codes.push(data?.code),
      );
    }
    const { status } = await sdk.terminateUserConnections('bad');
    assert.equal(status, 200);
    for (const pusher of [one, two]) await inState(pusher, 'disconnected');
    assert.deepEqual((await codes.take(2)).slice(0, 2), [4009, 4009]);
    const inbox = userInbox(other, 'still');
    await sdk.sendToUser('good', 'still', {});
    await inbox.next();
    const again = clientOf('bad', 0);
    const greeting = userInbox(again, 'greeting');
    await signedIn(again);
    await sdk.sendToUser('bad', 'greeting', 'hello');
    assert.equal(await greeting.next(), 'hello');
    assert.equal((await sdk.terminateUserConnections('nobody')).status, 200);
  });

  it('[US74] an operator sees who is signed in, whom they watch, and terminations', async () => {
    const [edge] = cluster.edges;
    const before = await metric(edge, 'fanfare_signed_in_connections');
    const pusher = await signedIn(clientOf('metric', 0, { watchlist: ['m1', 'm2'] }));
    const grown = (await metric(edge, 'fanfare_signed_in_connections')) - before;
    assert.equal(grown, 1);
    assert.ok((await metric(edge, 'fanfare_watched_users')) >= 2);
    const terminated = await metric(edge, 'fanfare_terminated_connections_total');
    const [api] = cluster.apis;
    const terminations = await metric(api, 'fanfare_terminations_total');
    await sdk.terminateUserConnections('metric');
    await inState(pusher, 'disconnected');
    assert.equal(await metric(edge, 'fanfare_terminated_connections_total'), terminated + 1);
    assert.equal(await metric(api, 'fanfare_terminations_total'), terminations + 1);
  });
});

describe('a termination while an edge is cut off from Redis', () => {
  it('[US75] ends the sockets there once it is back, and none that signed in later', async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.port);
    await using cut = await startCluster({
      edges: 2,
      apis: 1,
      redis: redis.url,
      envOf: (role, index): Readonly<Record<string, string>> =>
        role === 'edge' && index === 0 ? { REDIS_URL: `redis://127.0.0.1:${proxy.port}` } : {},
    });
    const [edge] = cut.edges;
    assert.ok(edge !== undefined);
    await using there = await rawUser(cut, 0);
    await using here = await rawUser(cut, 1);
    await using bystander = await openRawSocket(cut.edgeUrl(0));

    const from = edge.process.output().length;
    proxy.cut();
    await edge.process.says(/message bus is down/, from);
    await cut.serverSdk(0).terminateUserConnections('u');
    const { code } = await within(here.closed, PATIENCE_MS, () => 'it was not closed');
    assert.equal(code, 4009);
    assert.deepEqual(await there.untilPong(), [], 'the edge cannot know');
    // One signs in while the edge is cut off, and has its answer when that is over.
    await using since = await openRawSocket(cut.edgeUrl(0));
    askToSignIn(cut, since);
    await using elsewhere = await rawUser(cut, 1);

    proxy.heal();
    const closed = await within(there.closed, PATIENCE_MS, () => 'it was not closed');
    assert.equal(closed.code, 4009);
    assert.equal((await since.frames.next()).event, 'pusher:signin_success');
    await edge.process.says(/message bus is up/, from);
    await cut.serverSdk(0).sendToUser('u', 'still', {});
    for (const socket of [since, elsewhere])
      assert.equal((await socket.frames.next()).event, 'still');
    assert.deepEqual(await bystander.untilPong(), []);
  });
});

/** A socket without an SDK that is signed in as `u`. */
async function rawUser(of: Cluster, edge: number): Promise<RawSocket> {
  const socket = await openRawSocket(of.edgeUrl(edge));
  askToSignIn(of, socket);
  assert.equal((await socket.frames.next()).event, 'pusher:signin_success');
  return socket;
}

function askToSignIn(of: Cluster, socket: RawSocket): void {
  const { auth, user_data: data } = of.serverSdk(0).authenticateUser(socket.id, { id: 'u' });
  socket.send('pusher:signin', { auth, user_data: data });
}
