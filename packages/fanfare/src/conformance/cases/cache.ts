import type { Case } from '../case.ts';
import type { Client } from '../client.ts';
import { dataOf, ensure, fieldsOf, same } from '../expect.ts';
import { refusedWith, succeeded } from '../http.ts';

const PREFIXES = [
  'cache-',
  'private-cache-',
  'private-encrypted-cache-',
  'presence-cache-',
] as const;

/** Subscribes whatever the kind, and leaves what comes behind the confirmation to the caller. */
async function open(client: Client, channel: string, userId = 'u'): Promise<void> {
  if (channel.startsWith('presence-')) await client.join(channel, userId);
  else await client.subscribe(channel);
}

function miss(channel: string): Readonly<Record<string, string>> {
  return { event: 'pusher:cache_miss', channel, data: '{}' };
}

export const cacheCases: readonly Case[] = [
  {
    rule: 'C2.9-1',
    title:
      'Who subscribes to an empty cache channel of any kind is told pusher:cache_miss with "{}" behind the confirmation.',
    mistakes: [10, 21],
    async run(kit) {
      for (const prefix of PREFIXES) {
        const client = await kit.connect();
        const channel = kit.name(prefix);
        await open(client, channel);
        await client.expect(miss(channel));
      }
    },
  },
  {
    rule: 'C2.9-2',
    title:
      'Who subscribes later gets the last event as an ordinary one behind the confirmation, on every edge.',
    mistakes: [10],
    async run(kit) {
      for (const prefix of PREFIXES) {
        const channel = kit.name(prefix);
        const data = '{ "n" : 2, "é":"\\u00e9" }';
        await kit.api.trigger(channel, 'first', '1');
        await kit.api.trigger(channel, 'price', data);
        for (const [at, client] of (await kit.pair()).entries()) {
          await open(client, channel, `u${at}`);
          await client.expect({ event: 'price', channel, data });
          await client.settle();
        }
      }
    },
  },
  {
    rule: 'C2.9-3',
    title:
      'A channel that does not begin so is no cache channel: cache-private-a is public, my-cache-a keeps nothing.',
    mistakes: [21],
    async run(kit) {
      const client = await kit.connect();
      const open_ = kit.name('cache-private-');
      await client.subscribe(open_);
      await client.expect(miss(open_));
      const plain = kit.name('my-cache-');
      await kit.api.trigger(plain, 'e', '{}');
      await client.subscribe(plain);
      await client.silent('not a cache channel');
    },
  },
  {
    rule: 'C2.9-4',
    title: 'Client events and internal events are never kept.',
    needs: 'client-events',
    mistakes: [10],
    async run(kit) {
      const channel = kit.name('presence-cache-');
      const [one, two] = await kit.pair();
      await open(one, channel, '1');
      await one.expect(miss(channel));
      await kit.api.trigger(channel, 'kept', '1');
      await one.event('kept', channel);
      await open(two, channel, '2');
      await two.event('kept', channel);
      await one.event('pusher_internal:member_added', channel);
      one.send('client-typing', {}, { channel });
      await two.event('client-typing', channel);
      const late = await kit.connect();
      await open(late, channel, '3');
      await late.expect({ event: 'kept', channel, data: '1' });
    },
  },
  {
    rule: 'C2.9-5',
    title:
      'A batch, a trigger on several channels and one that excludes a socket keep the event too.',
    async run(kit) {
      const [one, two, three] = [kit.name('cache-'), kit.name('cache-'), kit.name('cache-')];
      const client = await kit.connect();
      await kit.api.trigger([one, two, kit.name()], 'several', 'x', { socket_id: client.id });
      const batch = [
        { channel: three, name: 'old', data: '0' },
        { channel: three, name: 'batched', data: 'y' },
      ];
      succeeded(await kit.api.post(kit.api.path('/batch_events'), { batch }));
      for (const [channel, event, data] of [
        [one, 'several', 'x'],
        [two, 'several', 'x'],
        [three, 'batched', 'y'],
      ] as const) {
        await client.subscribe(channel);
        await client.expect({ event, channel, data });
      }
    },
  },
  {
    rule: 'C2.9-6',
    title: 'A miss is told to the one who subscribes and to nobody else.',
    async run(kit) {
      const channel = kit.name('cache-');
      const [one, two] = await kit.pair();
      for (const client of [one, two]) {
        await client.subscribe(channel);
        await client.expect(miss(channel));
      }
      await kit.marker([one, two], channel);
    },
  },
  {
    rule: 'C2.9-7',
    title: 'An event of empty data is kept like any other.',
    mistakes: [23],
    async run(kit) {
      const channel = kit.name('cache-');
      await kit.api.trigger(channel, 'empty', '');
      const client = await kit.connect();
      await client.subscribe(channel);
      await client.expect({ event: 'empty', channel, data: '' });
    },
  },
  {
    rule: 'C2.9-8',
    title: 'After unsubscribe and subscribe the kept event comes again.',
    async run(kit) {
      const channel = kit.name('cache-');
      await kit.api.trigger(channel, 'kept', '1');
      const client = await kit.connect();
      for (let round = 0; round < 2; round += 1) {
        await client.subscribe(channel);
        await client.expect({ event: 'kept', channel, data: '1' });
        client.send('pusher:unsubscribe', { channel });
        await client.silent('unsubscribe has no reply');
      }
    },
  },
  {
    rule: 'C5.6-6',
    title:
      'info=cache tells the data and its remaining seconds, at most half an hour; null when nothing is kept.',
    async run(kit) {
      const channel = kit.name('cache-');
      same(await kit.api.channel(channel, 'cache'), { occupied: false, cache: null });
      await kit.api.trigger(channel, 'price', '{"n":1}');
      const cache = fieldsOf((await kit.api.channel(channel, 'cache'))['cache'], 'cache');
      same(Object.keys(cache).toSorted(), ['data', 'ttl'], 'the members of cache');
      same(cache['data'], '{"n":1}', 'data');
      const ttl = Number(cache['ttl']);
      ensure(Number.isInteger(cache['ttl']) && ttl > 0 && ttl <= 1_800, '1 to 1800 s', cache);
    },
  },
  {
    rule: 'C5.6-7',
    title: 'info=cache of a channel that is none of cache is refused with 400.',
    async run(kit) {
      const path = kit.api.path(`/channels/${kit.name()}`);
      refusedWith(await kit.api.get(path, [['info', 'cache']]), 400);
    },
  },
];

/** Reads counts of a channel, and nothing else, until one is right: a cluster may come to it in steps. */
async function counted(client: Client, channel: string, wanted: number): Promise<void> {
  for (;;) {
    const frame = await client.nextOfAny(`the subscription_count ${wanted}`);
    same(frame['event'], 'pusher_internal:subscription_count', 'the event');
    same(frame['channel'], channel, 'the channel');
    const data = dataOf(frame);
    same(Object.keys(data), ['subscription_count'], 'the members of data');
    if (data['subscription_count'] === wanted) return;
  }
}

export const subscriptionCountCases: readonly Case[] = [
  {
    rule: 'C2.8-1',
    title:
      'A new subscriber is told the count behind the confirmation, the others with it, and those left after an end.',
    needs: 'subscription-count',
    mistakes: [40],
    async run(kit) {
      for (const prefix of ['', 'private-']) {
        const channel = kit.name(prefix);
        const [one, two] = await kit.pair();
        await one.subscribe(channel);
        await counted(one, channel, 1);
        await two.subscribe(channel);
        for (const client of [one, two]) await counted(client, channel, 2);
        two.send('pusher:unsubscribe', { channel });
        await counted(one, channel, 1);
      }
    },
  },
  {
    rule: 'C2.8-2',
    title: 'Presence channels and encrypted ones have no subscription_count.',
    needs: 'subscription-count',
    mistakes: [40, 41],
    async run(kit) {
      const [one, two] = await kit.pair();
      const [presence, encrypted] = [kit.name('presence-'), kit.name('private-encrypted-')];
      for (const [at, client] of [one, two].entries()) {
        await client.join(presence, `u${at}`);
        await client.subscribe(encrypted);
      }
      await one.event('pusher_internal:member_added', presence);
      await kit.marker([one, two], encrypted);
      for (const client of [one, two]) same(await client.settleAll(), [], 'frames');
    },
  },
  {
    rule: 'C2.8-3',
    title: 'The count is not kept by a cache channel.',
    needs: 'subscription-count',
    mistakes: [10],
    async run(kit) {
      const channel = kit.name('cache-');
      await kit.api.trigger(channel, 'kept', '1');
      const [one, two] = await kit.pair();
      for (const client of [one, two]) {
        await client.subscribe(channel);
        await client.expect({ event: 'kept', channel, data: '1' });
      }
    },
  },
  {
    rule: 'C2.8-4',
    title: 'Above 100 connections it comes at most every five seconds.',
    needs: 'subscription-count',
    mistakes: [40],
    async run(kit) {
      const channel = kit.name();
      const watch = await kit.connect();
      await watch.subscribe(channel);
      const clients = await Promise.all(
        Array.from({ length: 110 }, async (_, edge) => kit.connect({ edge })),
      );
      for (const client of clients) await client.subscribe(channel);
      const first = await watch.nextOfAny('a count');
      same(first['event'], 'pusher_internal:subscription_count', 'the first frame to be');
      await watch.settleAll();
      const late = await Promise.all(
        Array.from({ length: 30 }, async (_, edge) => kit.connect({ edge })),
      );
      for (const client of late) await client.subscribe(channel);
      const after = await watch.settleAll();
      ensure(after.length <= 2, 'at most 2 counts for 30 subscribers beyond 110', after.length);
    },
  },
];
