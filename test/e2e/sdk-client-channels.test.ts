import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import type PusherJsModule from 'pusher-js';
import { startCluster } from '../cluster.ts';
import { inboxOf, inState, subscribed, type PusherChannel, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { ask, untilCounts } from '../truth.ts';

type PresenceChannel = PusherJsModule.PresenceChannel;

const cluster = await startCluster({ edges: 2, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);

/** A pusher-js whose backend answers for presence channels with this member. */
function memberOf(edge: number, member: object): PusherJs {
  return cluster.pusherJs(edge, {
    channelAuthorization: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId, channelName }, callback) =>
        callback(null, sdk.authorizeChannel(socketId, channelName, member as { user_id: string })),
    },
  });
}

async function enter(pusher: PusherJs, name: string): Promise<PresenceChannel> {
  return (await subscribed<PusherChannel>(pusher.subscribe(name))) as PresenceChannel;
}

/** What the server says in-band, as `connection.bind('error')` hands it over. */
function errorsOf(pusher: PusherJs): Inbox<unknown> {
  const errors = new Inbox<unknown>('errors');
  pusher.connection.bind('error', errors.push);
  return errors;
}

const inBand = (message: string, code: number | null = null): object => ({
  type: 'PusherError',
  data: { code, message },
});

/** Resolves once all that the client has sent is handled: frames of a socket are handled in order. */
async function handled(pusher: PusherJs): Promise<void> {
  const pong = new Promise<void>((resolve) => {
    const listen = ({ event }: { readonly event: string }): void => {
      if (event !== 'pusher:pong') return;
      pusher.connection.unbind('message', listen);
      resolve();
    };
    pusher.connection.bind('message', listen);
  });
  pusher.send_event('pusher:ping', {});
  await pong;
}

describe('channels of pusher-js', () => {
  it('[SK20] bind, bind_global and their counterparts hear and stop hearing, on the client and on a channel', async () => {
    const pusher = cluster.pusherJs(0);
    const channel = await subscribed(pusher.subscribe('bound'));
    const heard = new Inbox<unknown>('listeners');
    const told = (who: string) => (data: unknown) => heard.push([who, data]);
    const toldAll = (who: string) => (event: string, data: unknown) =>
      heard.push([who, event, data]);
    const [first, second, all] = [told('channel 1'), told('channel 2'), toldAll('channel all')];
    const [client, everything] = [told('client'), toldAll('client all')];
    const context = { name: 'context' };
    channel.bind('e', first).bind('e', second).bind_global(all);
    channel.bind(
      'e',
      function listener(this: unknown) {
        heard.push(this);
      },
      context,
    );
    pusher.bind('e', client).bind_global(everything);
    await sdk.trigger('bound', 'e', 1);
    assert.deepEqual(await heard.take(6), [
      ['channel all', 'e', 1],
      ['channel 1', 1],
      ['channel 2', 1],
      context,
      ['client all', 'e', 1],
      ['client', 1],
    ]);
    channel.unbind('e', first).unbind_global(all).unbind(undefined, undefined, context);
    pusher.unbind('e', client);
    await sdk.trigger('bound', 'e', 2);
    assert.deepEqual(await heard.take(2), [
      ['channel 2', 2],
      ['client all', 'e', 2],
    ]);
    channel.unbind('e');
    pusher.unbind_global(everything).bind('e', client);
    await sdk.trigger('bound', 'e', 3);
    assert.deepEqual(await heard.next(), ['client', 3]);
    channel.bind('e', first).bind_global(all).unbind_all();
    pusher.unbind_all();
    const last = inboxOf(channel, 'last');
    await sdk.trigger('bound', 'e', 4);
    await sdk.trigger('bound', 'last', {});
    await last.next();
    assert.equal(heard.size, 0, heard.describe());
  });

  it('[SK21] channel, allChannels and the properties of a channel say what is subscribed', async () => {
    const pusher = cluster.pusherJs(1);
    const one = pusher.subscribe('known-1');
    assert.deepEqual([one.subscribed, pusher.channel('known-1')], [false, one]);
    await subscribed(one);
    await subscribed(pusher.subscribe('private-known-2'));
    const names = pusher.allChannels().map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ['known-1', 'private-known-2']);
    // What the SDK does by itself after it has connected; nothing is asked for twice.
    const errors = errorsOf(pusher);
    pusher.subscribeAll();
    await handled(pusher);
    assert.equal(errors.size, 0, errors.describe());
    assert.deepEqual([one.subscribed, one.subscriptionPending], [true, false]);
    pusher.unsubscribe('known-1');
    assert.equal(pusher.channel('known-1'), undefined);
    await untilCounts(sdk, { 'known-1': 0, 'private-known-2': 1 });
  });

  it('[SK22] a subscription that is given up before it is confirmed is left on the server, and one that is wanted again is kept', async () => {
    const pusher = cluster.pusherJs(0);
    await inState(pusher, 'connected');
    for (const name of ['flight-left', 'private-flight-left']) {
      const left = pusher.subscribe(name);
      pusher.unsubscribe(name);
      assert.deepEqual([left.subscriptionPending, left.subscriptionCancelled], [true, true]);
    }
    const kept = pusher.subscribe('flight-kept');
    pusher.unsubscribe('flight-kept');
    assert.equal(pusher.subscribe('flight-kept'), kept);
    await subscribed(kept);
    await handled(pusher);
    await handled(pusher);
    await untilCounts(sdk, { 'flight-left': 0, 'private-flight-left': 0, 'flight-kept': 1 });
    assert.deepEqual(
      pusher.allChannels().map(({ name }) => name),
      ['flight-kept'],
    );
    // Left and wanted again in one turn: both are said, and in this order.
    const errors = errorsOf(pusher);
    pusher.unsubscribe('flight-kept');
    const again = pusher.subscribe('flight-kept');
    const inbox = inboxOf(await subscribed(again), 'e');
    await sdk.trigger('flight-kept', 'e', 1);
    assert.equal(await inbox.next(), 1);
    assert.equal(errors.size, 0, errors.describe());
  });

  it('[SK23] trigger and send_event carry client events, and what Pusher refuses is refused in its words', async () => {
    const name = 'private-client';
    const [pusher, other] = [cluster.pusherJs(0), cluster.pusherJs(1)];
    const channel = await subscribed(pusher.subscribe(name));
    const inbox = inboxOf(await subscribed(other.subscribe(name)), 'client-e');
    for (const data of [{ a: [1] }, 'text', 7, false, '']) {
      assert.equal(channel.trigger('client-e', data), true);
      assert.deepEqual(await inbox.next(), data);
    }
    assert.equal(pusher.send_event('client-e', { by: 'send_event' }, name), true);
    assert.deepEqual(await inbox.next(), { by: 'send_event' });
    assert.equal(pusher.connection.send_event('client-e', { by: 'connection' }, name), true);
    assert.deepEqual(await inbox.next(), { by: 'connection' });
    const frame = { event: 'client-e', channel: name, data: { by: 'send' } };
    assert.equal(pusher.connection.send(JSON.stringify(frame)), true);
    assert.deepEqual(await inbox.next(), { by: 'send' });
    assert.throws(() => channel.trigger('e', {}), /does not start with 'client-'/);
    const encrypted = await subscribed(pusher.subscribe('private-encrypted-client'));
    assert.throws(() => encrypted.trigger('client-e', {}), /not currently supported/);

    const errors = errorsOf(pusher);
    const open = await subscribed(pusher.subscribe('open'));
    open.trigger('client-e', {});
    assert.deepEqual(
      await errors.next(),
      inBand('Client event rejected - only supported on private and presence channels'),
    );
    pusher.send_event('client-e', {}, 'private-elsewhere');
    assert.deepEqual(
      await errors.next(),
      inBand(
        'Cannot broadcast client event (connection not subscribed to channel private-elsewhere)',
      ),
    );
    for (const nothing of [null, undefined]) {
      channel.trigger('client-e', nothing);
      assert.deepEqual(
        await errors.next(),
        inBand('Invalid client event (must contain channel and data)'),
      );
    }
    pusher.send_event('made-up', {});
    assert.deepEqual(await errors.next(), inBand('Unsupported event received on socket: made-up'));
    assert.equal(pusher.connection.state, 'connected');
  });

  it('[SK24] the eleventh client event of a second is refused as 4301, and the connection goes on', async () => {
    const pusher = cluster.pusherJs(0);
    const channel = await subscribed(pusher.subscribe('private-fast'));
    const heard = inboxOf(
      await subscribed(cluster.pusherJs(1).subscribe('private-fast')),
      'client-n',
    );
    const errors = errorsOf(pusher);
    for (let n = 1; n <= 11; n += 1) channel.trigger('client-n', n);
    const { data } = (await errors.next()) as { data: { code: number; message: string } };
    assert.equal(data.code, 4301);
    assert.deepEqual(await heard.take(10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(pusher.connection.state, 'connected');
    const inbox = inboxOf(channel, 'still');
    await sdk.trigger('private-fast', 'still', {});
    await inbox.next();
  });

  it('[SK25] members: count, me, get and each agree with who is there, whatever a member consists of', async () => {
    const name = 'presence-members';
    const first = await enter(memberOf(0, { user_id: 'named', user_info: { name: 'A' } }), name);
    assert.deepEqual(first.members.me, { id: 'named', info: { name: 'A' } });
    const changes = new Inbox<unknown>('changes');
    first.bind('pusher:member_added', (member: unknown) => changes.push(['+', member]));
    first.bind('pusher:member_removed', (member: unknown) => changes.push(['-', member]));
    // Without anything known of it, with a number for an id, with an id that is special to JavaScript.
    const others: readonly (readonly [object, string, unknown])[] = [
      [{ user_id: 'bare' }, 'bare', {}],
      [{ user_id: 10, user_info: { n: 1 } }, '10', { n: 1 }],
      [{ user_id: 'constructor', user_info: {} }, 'constructor', {}],
    ];
    for (const [member, id, info] of others) {
      const pusher = memberOf(1, member);
      const channel = await enter(pusher, name);
      const { id: ownId, info: ownInfo } = channel.members.me as { id: unknown; info: unknown };
      assert.deepEqual([String(ownId), ownInfo], [id, info]);
      assert.deepEqual(await changes.next(), ['+', { id, info }]);
      assert.deepEqual(first.members.get(id), { id, info });
      assert.equal(first.members.count, 2);
      const ids: string[] = [];
      channel.members.each((each: { id: string }) => ids.push(each.id));
      assert.deepEqual(ids.toSorted(), [id, 'named'].toSorted());
      pusher.unsubscribe(name);
      assert.deepEqual(await changes.next(), ['-', { id, info }]);
      assert.equal(first.members.count, 1);
    }
    assert.equal(first.members.get('nobody'), null);
    assert.equal(first.members.myID, 'named');
  });

  it('[SK26] a listener of a presence channel learns from its metadata which member sent a client event', async () => {
    const name = 'presence-said';
    const sender = await enter(memberOf(0, { user_id: 7 }), name);
    const hearer = await enter(memberOf(1, { user_id: '8' }), name);
    const heard = new Inbox<unknown>('client events');
    hearer.bind('client-e', (data: unknown, metadata: unknown) => heard.push([data, metadata]));
    sender.trigger('client-e', 'x');
    assert.deepEqual(await heard.next(), ['x', { user_id: '7' }]);
    hearer.bind('e', (data: unknown, metadata: unknown) => heard.push([data, metadata]));
    await sdk.trigger(name, 'e', 'from the API');
    assert.deepEqual(await heard.next(), ['from the API', {}]);
  });

  it('[SK27] an encrypted channel goes on when its key changes', async () => {
    const name = 'private-encrypted-rotated';
    const { id: appId, key, secret } = cluster.app;
    const sdks = [1, 2].map(
      (n) =>
        new PusherServer({
          appId,
          key,
          secret,
          host: '127.0.0.1',
          port: String(cluster.apis[0]?.port),
          encryptionMasterKeyBase64: Buffer.alloc(32, n).toString('base64'),
        }),
    ) as unknown as readonly [PusherServer, PusherServer];
    let signing = 0;
    const pusher = cluster.pusherJs(0, {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) =>
          callback(null, (sdks[signing] ?? sdks[0]).authorizeChannel(socketId, channelName)),
      },
    });
    const inbox = inboxOf(await subscribed(pusher.subscribe(name)), 'e');
    await sdks[0].trigger(name, 'e', 'under the first');
    assert.equal(await inbox.next(), 'under the first');
    signing = 1;
    await sdks[1].trigger(name, 'e', 'under the second');
    assert.equal(await inbox.next(), 'under the second');
  });

  it('[SK28] `pusher:subscription_error` says what the server or the backend refused, and nothing is subscribed', async () => {
    const pusher = cluster.pusherJs(0, {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) => {
          if (channelName.endsWith('-forbidden')) callback(new Error('not you'), null);
          else callback(null, sdk.authorizeChannel(socketId, 'private-another'));
        },
      },
    });
    const errors = errorsOf(pusher);
    const forbidden = inboxOf(pusher.subscribe('private-forbidden'), 'pusher:subscription_error');
    assert.deepEqual(await forbidden.next(), { type: 'AuthError', error: 'not you' });
    const forged = inboxOf(pusher.subscribe('private-forged'), 'pusher:subscription_error');
    const { type, error, status } = (await forged.next()) as Record<string, unknown>;
    assert.deepEqual([type, status], ['AuthError', 401]);
    assert.match(String(error), /^Invalid signature: /);
    assert.deepEqual(await errors.next(), inBand(String(error)));
    const nameless = inboxOf(pusher.subscribe('white space'), 'pusher:subscription_error');
    assert.match(JSON.stringify(await nameless.next()), /Invalid channel name/);
    assert.equal(pusher.connection.state, 'connected');
    assert.deepEqual(await ask(sdk, '/channels/private-forged'), { occupied: false });
  });
});
