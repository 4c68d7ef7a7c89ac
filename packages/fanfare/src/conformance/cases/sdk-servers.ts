import type { Case } from '../case.ts';
import { ensure, same } from '../expect.ts';
import { succeeded, targetOf, type Reply } from '../http.ts';
import type { Kit } from '../kit.ts';
import { hmac, md5, requestText, signedParams, type Params } from '../signing.ts';

const JSON_TYPE = { 'content-type': 'application/json' } as const;

/** Parameters behind a path as they are, the way of Node's SDK. */
function plainTarget(path: string, params: Params): string {
  return `${path}?${params.map(([name, value]) => `${name}=${value}`).join('&')}`;
}

async function post(
  kit: Kit,
  rest: string,
  body: string,
  write: (path: string, params: Params) => string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<Reply> {
  const path = kit.api.path(rest);
  const params = signedParams(kit.credentials, { method: 'POST', path, body });
  return kit.api.send({ method: 'POST', target: write(path, params), headers, body });
}

/** The event has to reach a subscriber whose server was called by an SDK. */
async function delivered(
  kit: Kit,
  send: (channel: string, data: string) => Promise<Reply>,
): Promise<void> {
  const channel = kit.name();
  const client = await kit.connect({ edge: 1 });
  await client.subscribe(channel);
  const data = '{"message":"hello é","n":[1,2.0]}';
  same(succeeded(await send(channel, data)), {}, 'the answer');
  await client.expect({ event: 'my-event', channel, data });
}

/** Presence with one member, and what the list says of it. */
async function listed(kit: Kit, target: (path: string, channel: string) => string): Promise<void> {
  const channel = kit.name('presence-');
  const client = await kit.connect();
  await client.join(channel, '7');
  await kit.eventually(async () => {
    const path = kit.api.path('/channels');
    const reply = await kit.api.send({ method: 'GET', target: target(path, channel) });
    same(succeeded(reply)['channels'], { [channel]: { user_count: 1 } }, 'channels');
  });
}

export const serverSdkCases: readonly Case[] = [
  {
    rule: 'C9.2-1',
    title: 'Node: an unescaped, sorted query, signature last.',
    run: (kit) =>
      delivered(kit, async (channel, data) =>
        post(
          kit,
          '/events',
          JSON.stringify({ name: 'my-event', data, channels: [channel] }),
          plainTarget,
          { ...JSON_TYPE, 'x-pusher-library': 'pusher-http-node 5.3.4' },
        ),
      ),
  },
  {
    rule: 'C9.2-2',
    title: 'Node: info with bare commas in the query of a GET.',
    mistakes: [12],
    run: (kit) =>
      listed(kit, (path, channel) =>
        plainTarget(
          path,
          signedParams(kit.credentials, {
            method: 'GET',
            path,
            params: [
              ['filter_by_prefix', channel],
              ['info', 'user_count'],
            ],
          }),
        ),
      ),
  },
  {
    rule: 'C9.2-3',
    title:
      'PHP: one channel, values encoded in the query, signed as they are; the answer is 200 and an object.',
    mistakes: [4, 24],
    run: (kit) =>
      delivered(kit, async (channel, data) =>
        post(kit, '/events', JSON.stringify({ name: 'my-event', data, channel }), targetOf, {
          ...JSON_TYPE,
          'X-Pusher-Library': 'pusher-http-php 7.2.4',
        }),
      ),
  },
  {
    rule: 'C9.2-4',
    title:
      'PHP: a GET with a content type and %2C in info; channels is an object, also when empty.',
    mistakes: [4],
    async run(kit) {
      const path = kit.api.path('/channels');
      const params: Params = [
        ['filter_by_prefix', kit.name('presence-')],
        ['info', 'user_count,subscription_count'],
      ];
      const target = targetOf(path, signedParams(kit.credentials, { method: 'GET', path, params }));
      const reply = await kit.api.send({ method: 'GET', target, headers: JSON_TYPE });
      ensure(reply.text.includes('"channels":{}'), '"channels":{}', reply.text);
    },
  },
  {
    rule: 'C9.2-5',
    title: 'Python: the MD5 of nothing on every GET, signed.',
    mistakes: [13],
    run: (kit) =>
      listed(kit, (path, channel) =>
        targetOf(
          path,
          signedParams(kit.credentials, {
            method: 'GET',
            path,
            params: [
              ['body_md5', 'd41d8cd98f00b204e9800998ecf8427e'],
              ['filter_by_prefix', channel],
              ['info', 'user_count'],
            ],
          }),
        ),
      ),
  },
  {
    rule: 'C9.2-6',
    title: 'Python: a trigger of a list of channels, socket_id null, data escaped to ASCII.',
    run: (kit) =>
      delivered(kit, async (channel, data) => {
        const text = JSON.stringify(data).replaceAll(
          /[^ -~]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        const body = `{"name": "my-event", "channels": ["${channel}"], "data": ${text}, "socket_id": null}`;
        return post(kit, '/events', body, targetOf, {
          ...JSON_TYPE,
          'X-Pusher-Library': 'pusher-http-python 3.3.3',
        });
      }),
  },
  {
    rule: 'C9.2-7',
    title: 'Python: terminate_connections without /apps/{id} is found by its key.',
    async run(kit) {
      const client = await kit.connect({ edge: 1 });
      const id = kit.name('u');
      await client.signin({ id });
      const path = `/users/${id}/terminate_connections`;
      const params = signedParams(kit.credentials, { method: 'POST', path, body: '{}' });
      const reply = await kit.api.send({
        method: 'POST',
        target: targetOf(path, params),
        headers: JSON_TYPE,
        body: '{}',
      });
      same(succeeded(reply), {}, 'the answer');
      await client.closed('a close');
    },
  },
  {
    rule: 'C9.2-8',
    title: 'Ruby: an empty info, and parameters encoded by its own encoder.',
    async run(kit) {
      const path = kit.api.path(`/channels/${kit.name()}`);
      const params = signedParams(kit.credentials, { method: 'GET', path, params: [['info', '']] });
      const target = plainTarget(path, params);
      same(succeeded(await kit.api.send({ method: 'GET', target })), { occupied: false });
    },
  },
  {
    rule: 'C9.2-9',
    title: 'Ruby: parameters that are arrays, as k[]=, in their order.',
    async run(kit) {
      const path = kit.api.path('/channels');
      const params = signedParams(kit.credentials, {
        method: 'GET',
        path,
        params: [
          ['filter_by_prefix', 'presence-'],
          ['info[]', 'user_count'],
        ],
      });
      for (const target of [targetOf(path, params), plainTarget(path, params)])
        succeeded(await kit.api.send({ method: 'GET', target }));
    },
  },
  {
    rule: 'C9.2-10',
    title: 'Go: members in its order, values escaped in the query.',
    run: (kit) =>
      delivered(kit, async (channel, data) =>
        post(
          kit,
          '/events',
          `{"name":"my-event","channels":["${channel}"],"data":${JSON.stringify(data)}}`,
          targetOf,
          { ...JSON_TYPE, 'X-Pusher-Library': 'pusher-http-go 5.1.1' },
        ),
      ),
  },
  {
    rule: 'C9.2-11',
    title:
      '.NET: the signature first in the query, a charset in the content type, and JSON as the answer.',
    run: (kit) =>
      delivered(kit, async (channel, data) =>
        post(
          kit,
          '/events',
          JSON.stringify({ name: 'my-event', data, channels: [channel] }),
          (path, params) => plainTarget(path, params.toReversed()),
          {
            'content-type': 'application/json; charset=utf-8',
            'Pusher-Library-Name': 'pusher-http-dotnet',
          },
        ),
      ),
  },
  {
    rule: 'C9.2-12',
    title:
      '.NET: three connections of one user are user_count 1 and subscription_count 3 of a presence channel.',
    mistakes: [6],
    async run(kit) {
      const channel = kit.name('presence-');
      for (let edge = 0; edge < 3; edge += 1)
        await (await kit.connect({ edge })).join(channel, 'same');
      await kit.eventually(async () => {
        const info = 'user_count,subscription_count';
        const { channels } = await kit.api.trigger(channel, 'e', '{}', { info });
        same(channels, { [channel]: { user_count: 1, subscription_count: 3 } }, 'channels');
      });
    },
  },
  {
    rule: 'C9.2-13',
    title: 'Java: a query in no order, path and values percent-encoded.',
    mistakes: [13],
    async run(kit) {
      await delivered(kit, async (channel, data) =>
        post(
          kit,
          '/events',
          JSON.stringify({ name: 'my-event', channels: [channel], data }),
          (path, params) => targetOf(path, [...params.slice(2), ...params.slice(0, 2)]),
        ),
      );
      await listed(kit, (path, channel) => {
        const params = signedParams(kit.credentials, {
          method: 'GET',
          path,
          params: [
            ['info', 'user_count'],
            ['filter_by_prefix', channel],
          ],
        });
        return targetOf(path, params.toReversed());
      });
    },
  },
  {
    rule: 'C9.2-14',
    title: 'Java: what was signed as it was encoded is accepted too.',
    mistakes: [13],
    async run(kit) {
      const path = kit.api.path('/channels');
      const encoded: Params = [
        ['auth_key', kit.credentials.key],
        ['auth_timestamp', String(Math.floor(Date.now() / 1000))],
        ['auth_version', '1.0'],
        ['filter_by_prefix', 'presence-'],
        ['info', 'user_count%2Csubscription_count'],
      ];
      const signature = hmac(kit.credentials.secret, requestText('GET', path, encoded));
      const target = plainTarget(path, [...encoded, ['auth_signature', signature]]);
      succeeded(await kit.api.send({ method: 'GET', target }));
    },
  },
  {
    rule: 'C9.2-15',
    title: 'Swift: a batch, and info of a channel with unsigned counts.',
    async run(kit) {
      const channel = kit.name('presence-');
      const body = JSON.stringify({ batch: [{ channel, name: 'e', data: '"x"' }] });
      succeeded(await post(kit, '/batch_events', body, targetOf));
      const { occupied, user_count: count } = await kit.api.channel(channel, 'user_count');
      same([occupied, count], [false, 0], 'occupied and user_count');
    },
  },
  {
    rule: 'C9.2-16',
    title:
      'Every SDK: MD5 and signature of a body with letters beyond ASCII cover its UTF-8 bytes.',
    async run(kit) {
      const body = JSON.stringify({ name: 'é😀', channels: [kit.name()], data: 'ü' });
      const path = kit.api.path('/events');
      const params = signedParams(kit.credentials, { method: 'POST', path, body });
      ensure(
        params.some(([, value]) => value === md5(Buffer.from(body))),
        'the MD5 of UTF-8',
        params,
      );
      const target = targetOf(path, params);
      succeeded(await kit.api.send({ method: 'POST', target, headers: JSON_TYPE, body }));
    },
  },
];
