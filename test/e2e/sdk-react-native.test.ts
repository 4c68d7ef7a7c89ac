import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, describe, it } from 'node:test';
import { compileFunction } from 'node:vm';
import type PusherJsModule from 'pusher-js';
import { WebSocket } from 'ws';
import { startCluster } from '../cluster.ts';
import { inboxOf, subscribed, type PusherJs, type PusherJsClass } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';

/** What React Native's NetInfo says of the phone's network. */
interface NetworkState {
  readonly type: string;
}

const file = createRequire(import.meta.url).resolve('pusher-js/dist/react-native/pusher.js');
let announce: (state: NetworkState) => void = () => {};
/** The build as it is, amid what React Native has and Node has not. */
const ReactNativePusher = loadBuild();

const cluster = await startCluster({ edges: 2, apis: 1 });
const sdk = cluster.serverSdk(0);
const clients: PusherJs[] = [];
after(async () => {
  for (const client of clients) client.disconnect();
  await cluster[Symbol.asyncDispose]();
});

function loadBuild(): typeof PusherJsClass {
  const network = {
    fetch: () => Promise.resolve({ type: 'wifi' }),
    addEventListener: (listener: typeof announce) => (announce = listener),
  };
  const module = { exports: {} as { readonly Pusher: typeof PusherJsClass } };
  const run = compileFunction(readFileSync(file, 'utf8'), [
    'module',
    'exports',
    'require',
    'WebSocket',
    'XMLHttpRequest',
  ]) as (...globals: readonly unknown[]) => void;
  run(module, module.exports, () => ({ __esModule: true, default: network }), WebSocket);
  return module.exports.Pusher;
}

function connect(edge: number, user: string): PusherJs {
  const pusher = new ReactNativePusher(cluster.app.key, {
    cluster: 'fanfare',
    wsHost: '127.0.0.1',
    wsPort: cluster.edges[edge]?.port ?? 0,
    forceTLS: false,
    enabledTransports: ['ws'],
    channelAuthorization: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId, channelName }, callback) => {
        const member = channelName.startsWith('presence-') ? { user_id: user } : undefined;
        callback(null, sdk.authorizeChannel(socketId, channelName, member));
      },
    },
    userAuthentication: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId }, callback) =>
        callback(null, sdk.authenticateUser(socketId, { id: user })),
    },
  });
  clients.push(pusher);
  return pusher;
}

describe('the build of pusher-js for React Native', () => {
  it('[SK75] channels of every kind, client events, presence, a user who signs in', async () => {
    const [pusher, other] = [connect(0, '7'), connect(1, '8')];
    for (const name of ['rn', 'private-rn', 'presence-rn', 'private-encrypted-rn']) {
      const inbox = inboxOf(await subscribed(pusher.subscribe(name)), 'e');
      await sdk.trigger(name, 'e', { name });
      assert.deepEqual(await inbox.next(), { name });
    }
    const room = pusher.channel('presence-rn') as PusherJsModule.PresenceChannel;
    assert.deepEqual(room.members.me, { id: '7', info: {} });
    const added = inboxOf(room, 'pusher:member_added');
    const there = await subscribed(other.subscribe('presence-rn'));
    assert.deepEqual(await added.next(), { id: '8', info: {} });
    const waves = inboxOf(there, 'client-wave');
    room.trigger('client-wave', 1);
    assert.equal(await waves.next(), 1);
    const greetings = new Inbox<unknown>('greetings');
    pusher.user.bind('greeting', greetings.push);
    pusher.signin();
    await pusher.user.signinDonePromise;
    await sdk.sendToUser('7', 'greeting', {});
    assert.deepEqual(await greetings.next(), {});
  });

  it('[SK76] a phone that loses its network asks whether the connection lives, and is answered', async () => {
    const pusher = connect(1, '7');
    await subscribed(pusher.subscribe('phone'));
    const { socket_id: id } = pusher.connection;
    const frames = new Inbox<string>('frames');
    pusher.connection.bind('message', ({ event }: { event: string }) => frames.push(event));
    announce({ type: 'none' });
    assert.equal(await frames.next(), 'pusher:pong');
    announce({ type: 'cellular' });
    await sdk.trigger('phone', 'e', {});
    assert.equal(await frames.next(), 'e');
    assert.equal(pusher.connection.socket_id, id);
  });
});
