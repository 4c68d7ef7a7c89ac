import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';
import {
  findPhp,
  openPhpCaller,
  openRawCaller,
  type CallTarget,
  type WebmanCaller,
} from '../webman-caller.ts';

const cluster = await startCluster({
  edges: 2,
  apis: 1,
  app: { dialect: 'webman', broadcastEmptyChannel: true },
});
after(() => cluster[Symbol.asyncDispose]());
const target: CallTarget = {
  address: cluster.apiUrl(0),
  key: cluster.app.key,
  secret: cluster.app.secret,
};

const found = findPhp();
const php = 'php' in found ? found.php : '';
const skip = 'missing' in found ? found.missing : false;

interface Caller {
  readonly tag: string;
  /** Stands in the names of its channels. */
  readonly id: string;
  readonly who: string;
  readonly skip: string | false;
  readonly open: (of: CallTarget) => Promise<WebmanCaller>;
}

const callers: readonly Caller[] = [
  { tag: '[WM42]', id: 'raw', who: 'the bytes of the PHP class', skip: false, open: openRawCaller },
  { tag: '[WM43]', id: 'php', who: 'PHP and curl', skip, open: (of) => openPhpCaller(of, php) },
];

interface Signed {
  readonly auth: string;
  readonly channel_data?: string;
}

/** Subscribes by what the caller signed, and takes the confirmation. */
async function join(socket: RawSocket, channel: string, signed?: string): Promise<unknown> {
  const auth = signed === undefined ? {} : (JSON.parse(signed) as Signed);
  socket.send('pusher:subscribe', { ...auth, channel });
  const frames = await socket.frames.takeUntil(
    ({ event }) => event !== 'pusher_internal:member_added',
  );
  const { event, data } = frames.at(-1) ?? { event: 'nothing', data: '' };
  assert.equal(event, 'pusher_internal:subscription_succeeded', JSON.stringify(data));
  return JSON.parse(String(data));
}

/** The frame of an event as clients of webman/push know it: data is the JSON of what PHP was given. */
function frame(event: string, channel: string, data: unknown): object {
  return { event, channel, data: JSON.stringify(data) };
}

for (const { tag, id, who, skip: missing, open } of callers)
  describe(`The API for ${who}`, { skip: missing }, () => {
    it(`${tag} triggers on one channel, on several and on free-form ones, and spares a socket`, async () => {
      await using api = await open(target);
      await using one = await openRawSocket(cluster.edgeUrl(0));
      await using two = await openRawSocket(cluster.edgeUrl(1));
      const channels = ['user-1', `频道/一 号 ${who}`, '{a}:b?c#d&e=%2F'];
      for (const socket of [one, two]) for (const name of channels) await join(socket, name);
      const data = { 内容: 'a/b "c" 😀', n: [1, null] };
      assert.equal(await api.trigger('user-1', 'message', data), true);
      for (const socket of [one, two])
        assert.deepEqual(await socket.frames.next(), frame('message', 'user-1', data));
      assert.equal(await api.trigger(channels, '下单 /', 'text', one.id), true);
      assert.deepEqual(
        await two.frames.take(3),
        channels.map((name) => frame('下单 /', name, 'text')),
      );
      assert.deepEqual(await one.untilPong(), []);
      const kept = `cache-最后/${id}`;
      assert.equal(await api.trigger(kept, 'last', data), true);
      await join(two, kept);
      assert.deepEqual(await two.frames.next(), frame('last', kept, data));
      assert.equal(await api.trigger('no\nname', 'message', 1), false);
      assert.equal(await api.trigger('user-1', 'pusher:message', 1), false);
    });

    it(`${tag} is answered as it reads answers: a status, a JSON object, {} where nobody is`, async () => {
      await using api = await open(target);
      const empty = await api.getChannels({ filter_by_prefix: 'nobody-' });
      assert.deepEqual(empty, {
        status: 200,
        body: '{"channels":{}}',
        result: { channels: phpEmpty(id) },
      });
      await using socket = await openRawSocket(cluster.edgeUrl(1));
      const [room, name] = [`presence-${id}`, `名 ${id}/1`];
      await join(socket, room, await api.presenceAuth(room, socket.id, 7, { name: '张' }));
      await join(socket, name);
      const info = { info: ['user_count', 'subscription_count'] };
      await untilOccupied(api, room, name);
      assert.deepEqual(await api.getChannelInfo(room, info), {
        occupied: true,
        user_count: 1,
        subscription_count: 1,
      });
      assert.deepEqual(await api.getChannelInfo('nobody'), { occupied: false });
      assert.equal(await api.getChannelInfo('user-1', { info: 'nonsense' }), false);
      const list = await api.getChannels({ filter_by_prefix: room, info: 'user_count' });
      assert.deepEqual(list.result, { channels: { [room]: { user_count: 1 } } });
      const users = await api.get(`/channels/${room}/users`);
      assert.equal(users.body, '{"users":[{"id":"7"}]}');
      const asked = await api.get(`/channels/${encodeURIComponent(name)}`);
      assert.deepEqual(asked, {
        status: 200,
        body: '{"occupied":true}',
        result: { occupied: true },
      });
      const raw = encodeURIComponent('名');
      const filtered = await api.getChannels({ filter_by_prefix: raw });
      assert.ok(name in (filtered.result as { readonly channels: object }).channels);
      const wrong = await api.get('/nonsense');
      assert.deepEqual([wrong.status, 'result' in wrong], [404, false]);
    });

    it(`${tag} is told false, within its two seconds, when it signs with another secret`, async () => {
      await using api = await open({ ...target, secret: 'another' });
      assert.equal(await api.trigger('user-1', 'message', 1), false);
      assert.equal(await api.getChannelInfo('user-1'), false);
      const answer = await api.getChannels();
      assert.equal(answer.status, 401);
      assert.match(answer.body, /^Invalid signature: /);
    });

    it(`[WM45] what ${who} signed lets clients in, with user_info of any kind or none`, async () => {
      await using api = await open(target);
      await using one = await openRawSocket(cluster.edgeUrl(0));
      await using two = await openRawSocket(cluster.edgeUrl(1));
      const secret = `private-${id}`;
      for (const socket of [one, two])
        await join(socket, secret, await api.socketAuth(secret, socket.id));
      one.send('client-say', { x: 1 }, secret);
      assert.deepEqual(await two.frames.next(), frame('client-say', secret, { x: 1 }));
      const room = `presence-of-${id}`;
      const alone = await join(one, room, await api.presenceAuth(room, one.id, '张/三'));
      assert.deepEqual(alone, { presence: { count: 1, ids: ['张/三'], hash: { '张/三': {} } } });
      const both = await join(two, room, await api.presenceAuth(room, two.id, 8, ['a/ü', 1]));
      assert.deepEqual((both as { presence: { hash: object } }).presence.hash, {
        '张/三': {},
        8: ['a/ü', 1],
      });
    });

    it(`[WM44] ${who} reaches every connection of every edge by the channel without a name`, async () => {
      await using api = await open(target);
      await using one = await openRawSocket(cluster.edgeUrl(0));
      await using two = await openRawSocket(cluster.edgeUrl(1));
      assert.equal(await api.trigger('', 'notice', 'all'), true);
      for (const socket of [one, two])
        assert.deepEqual(await socket.frames.next(), frame('notice', '', 'all'));
      assert.equal(await api.trigger(['', 'user-1'], 'notice', 'others', two.id), true);
      assert.deepEqual(await one.frames.next(), frame('notice', '', 'others'));
      assert.deepEqual(await two.untilPong(), []);
    });
  });

describe('The PHP program', { skip }, () => {
  it('[WM43] sends the bytes that were written by hand', async () => {
    const byHand = await talk(openRawCaller);
    assert.equal(byHand.match(/ HTTP\/1\.1\r\n/g)?.length, 4);
    assert.equal(await talk((of) => openPhpCaller(of, php)), byHand);
  });
});

/** What goes over the wire for some calls, without what differs from one second to the next. */
async function talk(open: Caller['open']): Promise<string> {
  await using heard = await startListener();
  const caller = await open({ ...target, address: heard.address });
  await caller.trigger('a', 'e', { 内: '/' }, '1.2');
  await caller.trigger(['a', 'b'], 'e', 'text');
  await caller.getChannels({ info: ['user_count', 'subscription_count'], a: 'b' });
  await caller.getChannelInfo('a');
  await caller[Symbol.asyncDispose]();
  return heard.text().replaceAll(/(auth_(?:signature|timestamp)=)\w+|(127\.0\.0\.1):\d+/g, '$1$2');
}

/** PHP reads an object as an array, and so hands an empty one back as `[]`. */
function phpEmpty(id: string): unknown {
  return id === 'php' ? [] : {};
}

/** What the edges say takes a moment to stand in the state. */
async function untilOccupied(api: WebmanCaller, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const look = async (): Promise<void> => {
      for (;;) {
        const { body } = await api.get(`/channels/${encodeURIComponent(name)}`);
        if (body === '{"occupied":true}') return;
      }
    };
    await within(look(), PATIENCE_MS, () => `${name} did not become occupied`);
  }
}

interface Listener extends AsyncDisposable {
  readonly address: string;
  /** All that came, over one connection. */
  text(): string;
}

/** Answers each request with `{}` and keeps its bytes. */
async function startListener(): Promise<Listener> {
  const connections: string[] = [];
  const server = createServer((socket) => {
    const at = connections.push('') - 1;
    let waiting = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      connections[at] += text;
      waiting += text;
      const length = Number(/content-length: (\d+)/i.exec(waiting)?.[1] ?? 0);
      const [, body = ''] = waiting.split('\r\n\r\n');
      if (!waiting.includes('\r\n\r\n') || Buffer.byteLength(body) < length) return;
      waiting = '';
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text() {
      assert.equal(connections.length, 1, 'the connection is kept');
      return connections.join('');
    },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
