import type { Case } from '../case.ts';
import { ensure, fieldsOf, listOf, same } from '../expect.ts';
import { refusedWith, succeeded } from '../http.ts';
import type { Kit } from '../kit.ts';
import type { Params } from '../signing.ts';

async function list(kit: Kit, params: Params): Promise<unknown> {
  return succeeded(await kit.api.get(kit.api.path('/channels'), params))['channels'];
}

async function users(kit: Kit, channel: string): Promise<readonly unknown[]> {
  const answer = succeeded(await kit.api.get(kit.api.path(`/channels/${channel}/users`)));
  return listOf(answer['users'], 'users');
}

export const queryCases: readonly Case[] = [
  {
    rule: 'C5.5-1',
    title: 'The list has the occupied channels with a prefix, each as {}; none is {"channels":{}}.',
    mistakes: [4],
    async run(kit) {
      const prefix = kit.name();
      same(await list(kit, [['filter_by_prefix', prefix]]), {}, 'channels');
      const [one, two] = await kit.pair();
      await one.subscribe(`${prefix}-a`);
      await two.subscribe(`${prefix}-b`);
      await kit.eventually(async () => {
        const wanted = { [`${prefix}-a`]: {}, [`${prefix}-b`]: {} };
        same(await list(kit, [['filter_by_prefix', prefix]]), wanted, 'channels');
      });
    },
  },
  {
    rule: 'C5.5-2',
    title: 'user_count in the list counts users over all edges, once each.',
    mistakes: [6, 12],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = [...(await kit.pair()), await kit.connect()];
      for (const [at, client] of clients.entries()) await client.join(channel, at < 2 ? 'a' : 'b');
      await kit.eventually(async () => {
        const params: Params = [
          ['filter_by_prefix', channel],
          ['info', 'user_count'],
        ];
        same(await list(kit, params), { [channel]: { user_count: 2 } }, 'channels');
      });
    },
  },
  {
    rule: 'C5.5-3',
    title: 'user_count without a prefix of presence- is refused with 400.',
    async run(kit) {
      const path = kit.api.path('/channels');
      refusedWith(await kit.api.get(path, [['info', 'user_count']]), 400);
      const params: Params = [
        ['filter_by_prefix', 'private-'],
        ['info', 'user_count'],
      ];
      refusedWith(await kit.api.get(path, params), 400);
    },
  },
  {
    rule: 'C5.5-4',
    title:
      'An unknown attribute is refused with 400: "info should be a comma separated list of attributes".',
    async run(kit) {
      const path = kit.api.path('/channels');
      const params: Params = [
        ['filter_by_prefix', 'presence-'],
        ['info', 'nothing'],
      ];
      const text = refusedWith(await kit.api.get(path, params), 400);
      ensure(
        text.includes('info should be a comma separated list of attributes'),
        'these words',
        text,
      );
    },
  },
  {
    rule: 'C5.5-5',
    title: 'A channel that everybody has left is not in the list.',
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      await kit.eventually(async () => {
        same(await list(kit, [['filter_by_prefix', channel]]), { [channel]: {} }, 'channels');
      });
      client.wire.destroy();
      await kit.eventually(async () => {
        same(await list(kit, [['filter_by_prefix', channel]]), {}, 'channels');
      });
    },
  },
  {
    rule: 'C5.6-1',
    title: 'A channel says whether it is occupied, true or false, always with 200.',
    mistakes: [24],
    async run(kit) {
      const channel = kit.name();
      same(await kit.api.channel(channel), { occupied: false }, 'the answer');
      const client = await kit.connect();
      await client.subscribe(channel);
      await kit.eventually(async () => {
        same(await kit.api.channel(channel), { occupied: true }, 'the answer');
      });
    },
  },
  {
    rule: 'C5.6-2',
    title:
      'user_count and subscription_count of a presence channel count users and connections over all edges.',
    mistakes: [6],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = [...(await kit.pair()), await kit.connect()];
      for (const [at, client] of clients.entries()) await client.join(channel, at < 2 ? 'a' : 'b');
      await kit.eventually(async () => {
        same(
          await kit.api.channel(channel, 'user_count,subscription_count'),
          { occupied: true, user_count: 2, subscription_count: 3 },
          'the answer',
        );
      });
    },
  },
  {
    rule: 'C5.6-3',
    title: 'Counts of an empty presence channel are 0.',
    async run(kit) {
      const { user_count: count, occupied } = await kit.api.channel(
        kit.name('presence-'),
        'user_count',
      );
      same([occupied, count], [false, 0], 'occupied and user_count');
    },
  },
  {
    rule: 'C5.6-4',
    title: 'user_count of a channel that is no presence channel is refused with 400.',
    async run(kit) {
      const path = kit.api.path(`/channels/${kit.name()}`);
      refusedWith(await kit.api.get(path, [['info', 'user_count']]), 400);
    },
  },
  {
    rule: 'C5.6-5',
    title: 'An empty info asks nothing, as the SDK for Ruby sends it.',
    async run(kit) {
      same(await kit.api.channel(kit.name(), ''), { occupied: false }, 'the answer');
    },
  },
  {
    rule: 'C5.7-1',
    title:
      'The users of a presence channel are listed once each, over all edges, with ids that are strings.',
    mistakes: [5, 29],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = [...(await kit.pair()), await kit.connect()];
      for (const [at, client] of clients.entries()) await client.join(channel, at < 2 ? 10 : 'b');
      await kit.eventually(async () => {
        const ids = (await users(kit, channel)).map((user) => fieldsOf(user, 'a user'));
        same(
          ids.toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1)),
          [{ id: '10' }, { id: 'b' }],
          'users',
        );
      });
    },
  },
  {
    rule: 'C5.7-2',
    title: 'An empty presence channel has [] with 200.',
    mistakes: [24],
    async run(kit) {
      same(await users(kit, kit.name('presence-')), [], 'users');
    },
  },
  {
    rule: 'C5.7-3',
    title: 'The users of another channel are refused with 400.',
    async run(kit) {
      for (const prefix of ['', 'private-', 'x-presence-']) {
        const path = kit.api.path(`/channels/${kit.name(prefix)}/users`);
        refusedWith(await kit.api.get(path), 400);
      }
    },
  },
];
