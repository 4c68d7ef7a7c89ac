import type { Case } from '../case.ts';
import { delivered, JSON_TYPE, listed, plainTarget, post } from './sdk-requests.ts';
import { ensure, same } from '../expect.ts';
import { succeeded, targetOf } from '../http.ts';
import { type Params, signedParams } from '../signing.ts';

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
];
