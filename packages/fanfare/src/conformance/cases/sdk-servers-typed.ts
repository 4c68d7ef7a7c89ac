import type { Case } from '../case.ts';
import { delivered, JSON_TYPE, listed, plainTarget, post } from './sdk-requests.ts';
import { ensure, same } from '../expect.ts';
import { succeeded, targetOf } from '../http.ts';
import { hmac, md5, type Params, requestText, signedParams } from '../signing.ts';

export const typedServerSdkCases: readonly Case[] = [
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
