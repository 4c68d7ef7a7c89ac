import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import EchoModule from 'laravel-echo';
import { startCluster } from '../cluster.ts';
import { PATIENCE_MS, PusherJsClass, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { within } from '../support/deadline.ts';

/** What these tests use of Echo; its own types describe every broadcaster at once. */
interface Echo {
  channel(name: string): EchoChannel;
  private(name: string): EchoChannel;
  leave(name: string): void;
  socketId(): string;
  readonly connector: { readonly pusher: PusherJs };
  disconnect(): void;
}
interface EchoChannel {
  listen(event: string, callback: (data: unknown) => void): EchoChannel;
  subscribed(callback: () => void): EchoChannel;
  error(callback: (error: unknown) => void): EchoChannel;
  whisper(event: string, data: unknown): EchoChannel;
  listenForWhisper(event: string, callback: (data: unknown) => void): EchoChannel;
}
const EchoClass = EchoModule as unknown as new (options: unknown) => Echo;

const cluster = await startCluster({ edges: 2, apis: 1 });
const sdk = cluster.serverSdk(0);

/** Laravel's `/broadcasting/auth`, as far as Echo is concerned: who bears the token may join any channel. */
const backend = createServer((request, response) => {
  let body = '';
  request.on('data', (bytes: Buffer) => (body += bytes.toString()));
  request.on('end', () => {
    const allowed =
      request.url === '/broadcasting/auth' && request.headers.authorization === 'Bearer token';
    const form = new URLSearchParams(body);
    response.writeHead(allowed ? 200 : 403, { 'content-type': 'application/json' });
    response.end(
      allowed
        ? JSON.stringify(
            sdk.authorizeChannel(form.get('socket_id') ?? '', form.get('channel_name') ?? ''),
          )
        : '{}',
    );
  });
}).listen(0, '127.0.0.1');
await once(backend, 'listening');
const authEndpoint = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/broadcasting/auth`;

after(async () => {
  backend.closeAllConnections();
  backend.close();
  await cluster[Symbol.asyncDispose]();
});

for (const broadcaster of ['pusher', 'reverb'] as const) {
  /** The options of Laravel's own `bootstrap.js`, for either broadcaster. */
  const open = (edge: number): Echo & Disposable => {
    const echo = new EchoClass({
      broadcaster,
      Pusher: PusherJsClass,
      key: cluster.app.key,
      wsHost: '127.0.0.1',
      wsPort: cluster.edges[edge]?.port,
      forceTLS: false,
      enabledTransports: ['ws', 'wss'],
      authEndpoint,
      bearerToken: 'token',
      ...(broadcaster === 'pusher' ? { cluster: 'mt1' } : {}),
    });
    return Object.assign(echo, { [Symbol.dispose]: () => echo.disconnect() });
  };

  const joined = async (channel: EchoChannel): Promise<EchoChannel> => {
    const answer = new Promise<void>((resolve, reject) => {
      channel.subscribed(resolve);
      channel.error((error) => reject(new Error(`refused: ${JSON.stringify(error)}`)));
    });
    await within(answer, PATIENCE_MS, () => 'Echo did not subscribe');
    return channel;
  };

  describe(`Laravel Echo, broadcaster ${broadcaster}`, () => {
    it('[EE24] listens to namespaced and to raw event names on public and private channels', async () => {
      using echo = open(1);
      const orders = await joined(echo.channel('orders'));
      const mine = await joined(echo.private('orders.7'));
      const heard = new Inbox<unknown>('events');
      orders.listen('OrderShipped', (data) => heard.push(['OrderShipped', data]));
      orders.listen('.order.raw', (data) => heard.push(['.order.raw', data]));
      mine.listen('\\Other\\Thing', (data) => heard.push(['\\Other\\Thing', data]));
      await sdk.trigger('orders', 'App\\Events\\OrderShipped', { id: 1 });
      assert.deepEqual(await heard.next(), ['OrderShipped', { id: 1 }]);
      await sdk.trigger('orders', 'order.raw', { id: 2 });
      assert.deepEqual(await heard.next(), ['.order.raw', { id: 2 }]);
      await sdk.trigger('private-orders.7', 'Other\\Thing', { id: 3 });
      assert.deepEqual(await heard.next(), ['\\Other\\Thing', { id: 3 }]);
    });

    it('[EE25] whispers to the others on every edge', async () => {
      using first = open(0);
      using second = open(1);
      const channels = [
        await joined(first.private('room')),
        await joined(second.private('room')),
      ] as const;
      const inboxes = channels.map((channel, index) => {
        const inbox = new Inbox<unknown>(`whispers to ${index}`);
        channel.listenForWhisper('typing', inbox.push);
        return inbox;
      });
      channels[0].whisper('typing', { name: 'first' });
      assert.deepEqual(await inboxes[1]?.next(), { name: 'first' });
      channels[1].whisper('typing', { name: 'second' });
      // Had the first whisper come back to its sender, it would stand before this one.
      assert.deepEqual(await inboxes[0]?.next(), { name: 'second' });
    });

    it('[EE26] leaves out the socket that `toOthers` names', async () => {
      using sender = open(0);
      using other = open(1);
      const inboxes = await Promise.all(
        [sender, other].map(async (echo, index) => {
          const inbox = new Inbox<unknown>(`events of ${index}`);
          (await joined(echo.channel('posts'))).listen('.posted', inbox.push);
          return inbox;
        }),
      );
      await sdk.trigger('posts', 'posted', { n: 1 }, { socket_id: sender.socketId() });
      await sdk.trigger('posts', 'posted', { n: 2 });
      assert.deepEqual(await inboxes[1]?.take(2), [{ n: 1 }, { n: 2 }]);
      assert.deepEqual(await inboxes[0]?.next(), { n: 2 });
    });

    it('[EE27] hears nothing of a channel it has left', async () => {
      using echo = open(0);
      // A neighbour that stays keeps the channels alive on the edge of the one that leaves.
      using neighbour = open(0);
      const stays = new Inbox<unknown>('events of the neighbour');
      // Both are asked for at once, so both have to be listened to at once.
      const channels = [neighbour.channel('left'), neighbour.private('left')];
      for (const channel of await Promise.all(channels.map(joined)))
        channel.listen('.e', stays.push);
      await joined(echo.channel('left'));
      await joined(echo.private('left'));
      await joined(echo.channel('kept'));
      // What comes over the wire: pusher-js itself is silent on channels it has left.
      const heard = new Inbox<{ readonly event: string; readonly channel?: string }>('frames');
      echo.connector.pusher.connection.bind('message', heard.push);
      await sdk.trigger('left', 'e', {});
      assert.equal((await heard.next()).channel, 'left');
      echo.leave('left');
      // Frames of a socket are handled in order, so the confirmation means that it has left.
      await joined(echo.channel('barrier'));
      await sdk.trigger('left', 'e', {});
      await sdk.trigger('private-left', 'e', {});
      await stays.take(3);
      await sdk.trigger('kept', 'e', {});
      const frames = await heard.takeUntil(({ channel }) => channel === 'kept');
      assert.deepEqual(
        frames.filter(({ event }) => event === 'e').map(({ channel }) => channel),
        ['kept'],
      );
    });
  });
}
