import type { Case } from '../case.ts';
import { dataOf, listOf, same } from '../expect.ts';

const SUCCEEDED = 'pusher_internal:subscription_succeeded';

/** Whole conversations of section 12, where single rules could each hold and the order still be wrong. */
export const goldenCases: readonly Case[] = [
  {
    rule: 'C12-1',
    title:
      'Presence: two tabs of one user and another user, from the first join to the last leave.',
    mistakes: [5, 6, 7],
    async run(kit) {
      const channel = kit.name('presence-');
      const one = { user_id: '1', user_info: { n: 'A' } };
      const two = { user_id: '2', user_info: { n: 'B' } };
      const [tab, other] = await kit.pair();
      same(await tab.subscribe(channel, { channelData: one }), {
        event: SUCCEEDED,
        data: '{"presence":{"count":1,"ids":["1"],"hash":{"1":{"n":"A"}}}}',
        channel,
      });
      const joined = dataOf(await other.subscribe(channel, { channelData: two }));
      same(joined, {
        presence: { count: 2, ids: ['1', '2'], hash: { '1': { n: 'A' }, '2': { n: 'B' } } },
      });
      await tab.expect({
        event: 'pusher_internal:member_added',
        data: '{"user_id":"2","user_info":{"n":"B"}}',
        channel,
      });
      const second = await kit.connect({ edge: 1 });
      await second.subscribe(channel, { channelData: one });
      second.wire.close();
      await second.closed('a close');
      await kit.marker([tab, other], channel);
      tab.wire.close();
      await other.expect({
        event: 'pusher_internal:member_removed',
        data: '{"user_id":"1"}',
        channel,
      });
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C12-2',
    title: 'Cache: a miss, an event, a second subscriber on another edge, and what the API tells.',
    mistakes: [10],
    async run(kit) {
      const channel = kit.name('cache-');
      const [one, two] = await kit.pair();
      same(await one.subscribe(channel), { event: SUCCEEDED, data: '{}', channel });
      await one.expect({ event: 'pusher:cache_miss', channel, data: '{}' });
      await kit.api.trigger(channel, 'price', '7');
      await one.expect({ event: 'price', channel, data: '7' });
      same(await two.subscribe(channel), { event: SUCCEEDED, data: '{}', channel });
      await two.expect({ event: 'price', channel, data: '7' });
      await kit.eventually(async () => {
        const { occupied, cache } = await kit.api.channel(channel, 'cache');
        same([occupied, Object(cache).data], [true, '7'], 'occupied and data');
      });
    },
  },
  {
    rule: 'C12-3',
    title:
      'Signin with a watchlist of one who is online and one who is not, and an event to the user.',
    needs: 'watchlist',
    mistakes: [11],
    async run(kit) {
      const [client, friend] = await kit.pair();
      const [id, on, off] = [kit.name('u'), kit.name('on'), kit.name('off')];
      await friend.signin({ id: on });
      // Another signin of the friend's watcher tells when the friend is known everywhere.
      await kit.eventually(async () => {
        const probe = await kit.connect();
        await probe.signin({ id: kit.name('u'), watchlist: [on] });
        const { events } = dataOf(await probe.next('watchlist_events'));
        same(events, [{ name: 'online', user_ids: [on] }], 'events');
      });
      await client.signin({ id, watchlist: [off, on] });
      const { events } = dataOf(await client.next('watchlist_events'));
      const wanted = [
        { name: 'offline', user_ids: [off] },
        { name: 'online', user_ids: [on] },
      ];
      same(listOf(events, 'events').toSorted(byText), wanted, 'events');
      const channel = `#server-to-user-${id}`;
      same(await client.subscribe(channel), { event: SUCCEEDED, data: '{}', channel });
      await kit.api.trigger(channel, 'alert', '{}');
      await client.expect({ event: 'alert', channel, data: '{}' });
    },
  },
];

function byText(one: unknown, other: unknown): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}
