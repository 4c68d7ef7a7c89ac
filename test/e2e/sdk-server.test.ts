import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { inboxOf, subscribed, type PusherChannel, type PusherJs } from '../sdk.ts';
import { answerWith, sdkOptions, serverSdkKinds, type BatchEvent } from '../server-sdks.ts';
import { Inbox } from '../support/inbox.ts';
import { untilCounts } from '../truth.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());
const options = sdkOptions(cluster);
/** Every character that a channel's name may have, and as many as the SDKs let through. */
const LEGAL = 'aZ09_-=@,.;';
const LONGEST = `${LEGAL}${'x'.repeat(200 - LEGAL.length)}`;

for (const kind of serverSdkKinds) {
  const sdk = kind.open(options);
  /** A channel of this SDK's own. */
  const own = (name: string): string => name.replace(/(?=[^-]*$)/, `${kind.name}-`);

  /** One client on each edge; each channel signed by the SDK, to presence channels as the user. */
  const connect = (edge: number, user = 'u'): PusherJs =>
    cluster.pusherJs(edge, {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) => {
          const member = { user_id: user, user_info: { name: `user ${user}` } };
          const data = channelName.startsWith('presence-') ? member : undefined;
          answerWith(sdk.authorizeChannel(socketId, channelName, data), callback);
        },
      },
    });

  const join = async (edge: number, channel: string, user?: string): Promise<PusherChannel> =>
    subscribed<PusherChannel>(connect(edge, user).subscribe(channel));

  describe(`${kind.name} on a cluster`, () => {
    it('[SK1] trigger takes one channel or a list, and data of every kind arrives as it was given', async () => {
      const [one, other] = [own('kinds-1'), own('kinds-2')];
      const inboxes = [inboxOf(await join(0, one), 'e'), inboxOf(await join(1, other), 'e')];
      const kinds = [
        { text: 'snow ☃ and 😀', list: [1, 2.5, null, true], nested: { quote: '"\\\n' } },
        [1, 'x', { a: [] }],
        'plain text',
        '',
        7.5,
        0,
        true,
        false,
        null,
      ];
      for (const data of kinds) {
        const { status, headers } = await sdk.trigger([one, other], 'e', data);
        assert.equal(status, 200);
        assert.match(headers.get('content-type') ?? '', /^application\/json/);
      }
      for (const inbox of inboxes) assert.deepEqual(await inbox.take(kinds.length), kinds);
      assert.deepEqual(await (await sdk.trigger(one, 'e', 'single')).json(), {});
      assert.equal(await inboxes[0]?.next(), 'single');
    });

    it('[SK2] what the SDK lets through is taken: the longest names, every legal character, a hundred channels', async () => {
      const channel = LONGEST.slice(0, -kind.name.length) + kind.name;
      const name = `${'ü'.repeat(100)}${'App\\Events\\'.repeat(9)}!`;
      assert.equal(name.length, 200);
      const inbox = inboxOf(await join(1, channel), name);
      const others = Array.from({ length: 99 }, (_, n) => own(`wide-${n}`));
      await sdk.trigger([channel, ...others], name, { n: 1 });
      assert.deepEqual(await inbox.next(), { n: 1 });
      await untilCounts(cluster.serverSdk(0), { [channel]: 1 });
      const { channels } = (await (
        await sdk.get({ path: '/channels', params: { filter_by_prefix: channel } })
      ).json()) as { channels: object };
      assert.deepEqual(channels, { [channel]: {} });
      const answer = await sdk.get({ path: `/channels/${channel}` });
      assert.deepEqual(await answer.json(), { occupied: true });
    });

    it('[SK3] `socket_id` leaves one client out of a trigger and of an event of a batch', async () => {
      const name = own('others');
      const sender = connect(0);
      const inboxes = [
        inboxOf(await subscribed(sender.subscribe(name)), 'e'),
        inboxOf(await join(1, name), 'e'),
      ];
      const except = { socket_id: sender.connection.socket_id };
      await sdk.trigger(name, 'e', 1, except);
      await sdk.triggerBatch([
        { channel: name, name: 'e', data: 2, ...except },
        { channel: name, name: 'e', data: 3 },
      ]);
      assert.deepEqual(await inboxes[1]?.take(3), [1, 2, 3]);
      assert.equal(await inboxes[0]?.next(), 3);
    });

    it('[SK4] `info` is answered with the counts of the cluster, for a trigger and for each event of a batch', async () => {
      const [room, news] = [own('presence-info'), own('info')];
      for (const [edge, user] of [
        [0, 'a'],
        [1, 'a'],
        [1, 'b'],
      ] as const)
        await join(edge, room, user);
      await join(0, news);
      await untilCounts(cluster.serverSdk(0), { [room]: 3, [news]: 1 });
      const info = 'user_count,subscription_count';
      const both = await (await sdk.trigger([room, news], 'e', {}, { info })).json();
      assert.deepEqual(both, {
        channels: {
          [room]: { user_count: 2, subscription_count: 3 },
          [news]: { subscription_count: 1 },
        },
      });
      const batch = await sdk.triggerBatch([
        { channel: room, name: 'e', data: {}, info: 'user_count' },
        { channel: news, name: 'e', data: {} },
        { channel: news, name: 'e', data: {}, info: 'subscription_count' },
      ]);
      assert.deepEqual(await batch.json(), {
        batch: [{ user_count: 2 }, {}, { subscription_count: 1 }],
      });
    });

    it('[SK5] a batch of ten reaches channels of every kind, in order, those of encrypted ones unreadable on the way', async () => {
      const channels = ['batch', 'private-batch', 'private-encrypted-batch', 'presence-batch'].map(
        own,
      );
      const heard = new Inbox<unknown>('the batch');
      const pusher = connect(1);
      for (const name of channels) {
        const channel = await subscribed<PusherChannel>(pusher.subscribe(name));
        channel.bind('step', (data: unknown) => heard.push([name, data]));
      }
      const wire = new Inbox<unknown>('frames');
      pusher.connection.bind('message', ({ event, data }: { event: string; data: object }) => {
        if (event === 'step') wire.push(Object.keys(data).toSorted());
      });
      const batch = Array.from({ length: 10 }, (_, n): BatchEvent => ({
        channel: channels[n % channels.length] ?? '',
        name: 'step',
        data: { n },
      }));
      const expected = batch.map(({ channel, data }) => [channel, data]);
      assert.deepEqual(await (await sdk.triggerBatch(batch)).json(), {});
      const came = await heard.take(10);
      for (const name of channels)
        assert.deepEqual(
          came.filter((each) => (each as readonly unknown[])[0] === name),
          expected.filter(([channel]) => channel === name),
        );
      const keys = await wire.take(10);
      assert.equal(keys.filter((each) => String(each) === 'ciphertext,nonce').length, 2);
    });

    it('[SK6] get reads the channels, one channel, its users and what it keeps', async () => {
      const [room, prices, empty] = [own('presence-state'), own('cache-state'), own('empty')];
      await join(0, room, '7');
      await join(1, room, '8');
      await join(1, prices);
      await untilCounts(cluster.serverSdk(0), { [room]: 2, [prices]: 1 });
      const ask = async (path: string, params?: Record<string, string>): Promise<unknown> => {
        const answer = await sdk.get({ path, ...(params && { params }) });
        assert.equal(answer.status, 200);
        return answer.json();
      };
      assert.deepEqual(await ask('/channels', { filter_by_prefix: prices }), {
        channels: { [prices]: {} },
      });
      assert.deepEqual(await ask('/channels', { filter_by_prefix: room, info: 'user_count' }), {
        channels: { [room]: { user_count: 2 } },
      });
      const { channels } = (await ask('/channels')) as { channels: Record<string, object> };
      assert.deepEqual([channels[room], channels[prices], channels[empty]], [{}, {}, undefined]);
      assert.deepEqual(await ask('/channels', { filter_by_prefix: empty }), { channels: {} });
      assert.deepEqual(await ask(`/channels/${room}`, { info: 'user_count,subscription_count' }), {
        occupied: true,
        user_count: 2,
        subscription_count: 2,
      });
      assert.deepEqual(await ask(`/channels/${empty}`), { occupied: false });
      assert.deepEqual(await ask(`/channels/${room}/users`), {
        users: [{ id: '7' }, { id: '8' }],
      });
      assert.deepEqual(await ask(`/channels/${own('presence-empty')}/users`), { users: [] });
      await sdk.trigger(prices, 'price', { n: 1 });
      const { cache } = (await ask(`/channels/${prices}`, { info: 'cache' })) as {
        cache: { data: string };
      };
      assert.equal(cache.data, '{"n":1}');
    });

    it('[SK7] post, and a request of one’s own with createSignedQueryString, are taken', async () => {
      const inbox = inboxOf(await join(1, own('raw')), 'e');
      const fields = { name: 'e', channels: [own('raw')] };
      await sdk.post({ path: '/events', body: { ...fields, data: 'posted' } });
      assert.equal(await inbox.next(), 'posted');
      const path = `/apps/${cluster.app.id}/events`;
      const body = JSON.stringify({ ...fields, data: 'signed' });
      const query = await sdk.createSignedQueryString({ method: 'POST', path, body });
      const url = `${cluster.apiUrl(0)}${path}`;
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(`${url}?${query}`, { method: 'POST', headers, body });
      assert.equal(status, 200);
      assert.equal(await inbox.next(), 'signed');
      await untilCounts(cluster.serverSdk(0), { [own('raw')]: 1 });
      const list = `/apps/${cluster.app.id}/channels`;
      const params = { filter_by_prefix: own('raw') };
      const asked = await sdk.createSignedQueryString({ method: 'get', path: list, params });
      const answer = await fetch(`${cluster.apiUrl(0)}${list}?${asked}`);
      assert.deepEqual(await answer.json(), { channels: { [own('raw')]: {} } });
    });

    it('[SK8] authorizeChannel lets clients into private, encrypted and presence channels, its member data unchanged', async () => {
      for (const name of ['private-door', 'private-encrypted-door'].map(own)) {
        const inbox = inboxOf(await join(0, name), 'e');
        await sdk.trigger(name, 'e', { name });
        assert.deepEqual(await inbox.next(), { name });
      }
      const channel = await join(0, own('presence-door'), 'ü "7"');
      const { me } = (channel as unknown as { members: { me: unknown } }).members;
      assert.deepEqual(me, { id: 'ü "7"', info: { name: 'user ü "7"' } });
      // A private channel's signature may carry data, too.
      const pusher = cluster.pusherJs(1, {
        channelAuthorization: {
          transport: 'ajax',
          endpoint: '',
          customHandler: ({ socketId, channelName }, callback) =>
            answerWith(sdk.authorizeChannel(socketId, channelName, { user_id: 'x' }), callback),
        },
      });
      await subscribed(pusher.subscribe(own('private-with-data')));
    });
  });
}
