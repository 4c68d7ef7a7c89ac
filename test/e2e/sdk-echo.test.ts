import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import EchoModule from 'laravel-echo';
import { startBackend } from '../backend.ts';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { inState, PATIENCE_MS, PusherJsClass, type PusherJs } from '../sdk.ts';
import { within } from '../support/deadline.ts';
import { Inbox } from '../support/inbox.ts';
import { untilCounts } from '../truth.ts';

type Listener = (data: unknown) => void;

/** Echo's public face; its own types describe every broadcaster at once. */
interface Echo {
  readonly connector: {
    readonly pusher: PusherJs;
    readonly channels: Readonly<Record<string, EchoChannel>>;
    signin(): void;
    onConnectionChange(callback: (status: string) => void): () => void;
  };
  channel(name: string): EchoChannel;
  private(name: string): EchoChannel;
  encryptedPrivate(name: string): EchoChannel;
  join(name: string): EchoChannel;
  listen(channel: string, event: string, callback: Listener): EchoChannel;
  leave(name: string): void;
  leaveChannel(name: string): void;
  leaveAllChannels(): void;
  socketId(): string;
  connectionStatus(): string;
  connect(): void;
  disconnect(): void;
}

interface EchoChannel {
  listen(event: string, callback: Listener): EchoChannel;
  stopListening(event: string, callback?: Listener): EchoChannel;
  listenToAll(callback: (event: string, data: unknown) => void): EchoChannel;
  stopListeningToAll(callback?: unknown): EchoChannel;
  notification(callback: Listener): EchoChannel;
  stopListeningForNotification(callback: Listener): EchoChannel;
  whisper(event: string, data: unknown): EchoChannel;
  listenForWhisper(event: string, callback: Listener): EchoChannel;
  stopListeningForWhisper(event: string, callback?: Listener): EchoChannel;
  here(callback: Listener): EchoChannel;
  joining(callback: Listener): EchoChannel;
  leaving(callback: Listener): EchoChannel;
  subscribed(callback: () => void): EchoChannel;
  error(callback: Listener): EchoChannel;
  on(event: string, callback: Listener): EchoChannel;
}

const EchoClass = EchoModule as unknown as new (options: unknown) => Echo;
const cluster = await startCluster({ edges: 2, apis: 1 });
const sdk = cluster.serverSdk(0);
const backend = await startBackend(sdk);
after(async () => {
  for (const each of [backend, cluster]) await each[Symbol.asyncDispose]();
});

/** Laravel's own options, of a user who has a token. */
function open(edge: number, user = 'u', more: object = {}): Echo & Disposable {
  const echo = new EchoClass({
    broadcaster: 'reverb',
    Pusher: PusherJsClass,
    key: cluster.app.key,
    wsHost: '127.0.0.1',
    wsPort: cluster.edges[edge]?.port,
    forceTLS: false,
    enabledTransports: ['ws', 'wss'],
    authEndpoint: `${backend.url}/broadcasting/auth`,
    auth: { params: { user }, headers: { 'X-Tenant': 'blue' } },
    userAuthentication: {
      endpoint: `${backend.url}/broadcasting/user-auth`,
      params: { user },
      headers: {},
    },
    bearerToken: 'token',
    csrfToken: 'csrf',
    ...more,
  });
  return Object.assign(echo, { [Symbol.dispose]: () => echo.disconnect() });
}

async function joined(channel: EchoChannel): Promise<EchoChannel> {
  const answer = new Promise<void>((resolve, reject) => {
    channel.subscribed(resolve);
    channel.error((error) => reject(new Error(`refused: ${JSON.stringify(error)}`)));
  });
  await within(answer, PATIENCE_MS, () => 'Echo did not subscribe');
  return channel;
}

/** What `here`, `joining` and `leaving` are told, in order. */
function roomOf(channel: EchoChannel): Inbox<unknown> {
  const heard = new Inbox<unknown>('members');
  channel
    .here((members) => heard.push(['here', members]))
    .joining((member) => heard.push(['joining', member]))
    .leaving((member) => heard.push(['leaving', member]));
  return heard;
}

describe('Laravel Echo, every method', () => {
  it('[SK60] join: here, joining and leaving tell who is there; whispers reach the others', async () => {
    using first = open(0, 'a');
    using second = open(1, 'b');
    const [a, b] = [{ name: 'user a' }, { name: 'user b' }];
    const one = first.join('room');
    const here = roomOf(one);
    assert.deepEqual(await here.next(), ['here', [a]]);
    const two = second.join('room');
    const later = roomOf(two);
    assert.deepEqual(await later.next(), ['here', [a, b]]);
    assert.deepEqual(await here.next(), ['joining', b]);
    const whispers = new Inbox<unknown>('whispers');
    one.listenForWhisper('typing', whispers.push);
    two.whisper('typing', { by: 'b' });
    assert.deepEqual(await whispers.next(), { by: 'b' });
    second.leave('room');
    assert.deepEqual(await here.next(), ['leaving', b]);
  });

  it('[SK61] encryptedPrivate and notification get what Laravel sends', async () => {
    using echo = open(0);
    const heard = new Inbox<unknown>('events');
    const vault = await joined(echo.encryptedPrivate('vault'));
    vault.listen('Opened', heard.push);
    await sdk.trigger('private-encrypted-vault', 'App\\Events\\Opened', { code: 'sesame' });
    assert.deepEqual(await heard.next(), { code: 'sesame' });
    assert.throws(() => vault.whisper('e', {}), /not currently supported/);
    const mine = await joined(echo.private('App.Models.User.7'));
    const notice = { id: 'n-1', type: 'App\\Notifications\\Paid', amount: 5 };
    const created = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
    mine.notification(heard.push);
    await sdk.trigger('private-App.Models.User.7', created, notice);
    assert.deepEqual(await heard.next(), notice);
    mine.stopListeningForNotification(heard.push).on('raw', heard.push);
    await sdk.trigger('private-App.Models.User.7', created, notice);
    await sdk.trigger('private-App.Models.User.7', 'raw', 'marker');
    assert.equal(await heard.next(), 'marker');
  });

  it('[SK62] listen, listenToAll and whispers are heard until they are stopped', async () => {
    using echo = open(1);
    using other = open(0);
    const heard = new Inbox<unknown>('events');
    const all = new Inbox<unknown>('all events');
    const channel = await joined(echo.listen('news', 'Posted', heard.push));
    const toAll = (event: string, data: unknown): void => all.push([event, data]);
    channel.listenToAll(toAll);
    await sdk.trigger('news', 'App\\Events\\Posted', 1);
    await sdk.trigger('news', 'plain', 2);
    assert.equal(await heard.next(), 1);
    assert.deepEqual(await all.take(2), [
      ['Posted', 1],
      ['.plain', 2],
    ]);
    channel.stopListening('Posted', heard.push).stopListeningToAll();
    channel.listen('.marker', heard.push);
    await sdk.trigger('news', 'App\\Events\\Posted', 3);
    await sdk.trigger('news', 'marker', 4);
    assert.equal(await heard.next(), 4);
    assert.equal(all.size, 0);
    const [mine, theirs] = [
      await joined(echo.private('chat')),
      await joined(other.private('chat')),
    ];
    mine.listenForWhisper('typing', heard.push).listenForWhisper('done', heard.push);
    theirs.whisper('typing', 1);
    assert.equal(await heard.next(), 1);
    mine.stopListeningForWhisper('typing', heard.push);
    theirs.whisper('typing', 2).whisper('done', 3);
    assert.equal(await heard.next(), 3);
  });

  it('[SK63] leaveChannel leaves one, leave its siblings too, leaveAllChannels all', async () => {
    using echo = open(0);
    const kinds = ['', 'private-', 'private-encrypted-', 'presence-'];
    const subscribeAll = async (name: string): Promise<readonly string[]> => {
      await Promise.all(
        [echo.channel(name), echo.private(name), echo.encryptedPrivate(name), echo.join(name)].map(
          joined,
        ),
      );
      return kinds.map((kind) => `${kind}${name}`);
    };
    const [one, two] = [await subscribeAll('one'), await subscribeAll('two')];
    await untilCounts(sdk, { ...counts(one, 1), ...counts(two, 1) });
    echo.leaveChannel('private-one');
    await untilCounts(sdk, { ...counts(one, 1), 'private-one': 0 });
    echo.leave('one');
    await untilCounts(sdk, { ...counts(one, 0), ...counts(two, 1) });
    echo.leaveAllChannels();
    await untilCounts(sdk, counts(two, 0));
    assert.deepEqual(Object.keys(echo.connector.channels), []);
    const heard = new Inbox<unknown>('events');
    (await joined(echo.channel('one'))).listen('.e', heard.push);
    await sdk.trigger('one', 'e', 'back');
    assert.equal(await heard.next(), 'back');
  });

  it('[SK64] connectionStatus and onConnectionChange follow the connection; disconnect and connect work', async () => {
    using echo = open(0);
    const statuses = new Inbox<string>('statuses');
    const stop = echo.connector.onConnectionChange(statuses.push);
    await inState(echo.connector.pusher, 'connected');
    assert.equal(echo.connectionStatus(), 'connected');
    assert.match(echo.socketId(), /^\d+\.\d+$/);
    await statuses.takeUntil((status) => status === 'connected');
    echo.disconnect();
    await statuses.takeUntil((status) => status === 'disconnected');
    stop();
    // A new connector, as `connect` has it: with no channel of the one before.
    echo.connect();
    assert.equal(echo.connectionStatus(), 'connecting');
    await joined(echo.channel('fresh'));
    assert.equal(echo.connectionStatus(), 'connected');
  });

  it('[SK65] the connector signs the user in, with the headers of Laravel; events to the user arrive', async () => {
    using echo = open(1, '7');
    const { pusher } = echo.connector;
    await joined(echo.private('headers'));
    const { headers, path } = await lastAsked('private-headers');
    assert.deepEqual(
      [path, headers.authorization, headers['x-csrf-token'], headers['x-tenant']],
      ['/broadcasting/auth', 'Bearer token', 'csrf', 'blue'],
    );
    const heard = new Inbox<unknown>('events of the user');
    pusher.user.bind('greeting', heard.push);
    echo.connector.signin();
    await within(pusher.user.signinDonePromise, PATIENCE_MS, () => 'Echo did not sign in');
    const signin = await lastAsked(undefined);
    assert.deepEqual(
      [signin.path, signin.headers.authorization],
      ['/broadcasting/user-auth', 'Bearer token'],
    );
    await sdk.sendToUser('7', 'greeting', { n: 1 });
    assert.deepEqual(await heard.next(), { n: 1 });
  });

  it('[SK66] error tells a channel that it was refused; an instance of pusher-js may be brought along', async () => {
    backend.refuse({ status: 403, body: 'Forbidden' });
    const client = cluster.pusherJs(0, {
      channelAuthorization: { transport: 'ajax', endpoint: `${backend.url}/broadcasting/auth` },
    });
    using echo = open(0, 'u', { client });
    assert.equal(echo.connector.pusher, client);
    const errors = new Inbox<unknown>('errors');
    echo.private('forbidden').error(errors.push);
    const { type, status } = (await errors.next()) as Readonly<Record<string, unknown>>;
    assert.deepEqual([type, status], ['AuthError', 403]);
    backend.refuse();
    await eventually(
      () => echo.connectionStatus() === 'connected',
      () => 'the connection went',
    );
  });
});

/** The request for a channel, or to sign in. */
async function lastAsked(
  channel: string | undefined,
): Promise<Awaited<ReturnType<typeof backend.asked.next>>> {
  const asked = await backend.asked.takeUntil(({ form }) => form['channel_name'] === channel);
  return asked.at(-1) ?? assert.fail();
}

function counts(names: readonly string[], count: number): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, count]));
}
