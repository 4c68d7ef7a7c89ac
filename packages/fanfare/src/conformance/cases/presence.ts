import type { Case } from '../case.ts';
import type { Client } from '../client.ts';
import { dataOf, ensure, fieldsOf, listOf, same, sortedTexts, unmet } from '../expect.ts';
import type { Kit } from '../kit.ts';

const ADDED = 'pusher_internal:member_added';
const REMOVED = 'pusher_internal:member_removed';

/** Two users on two edges, of whom the first has heard of the second. */
async function two(
  kit: Kit,
  channel: string,
  ids: readonly [unknown, unknown] = ['1', '2'],
): Promise<readonly [Client, Client]> {
  const [first, second] = await kit.pair();
  await first.join(channel, ids[0], { n: 'A' });
  await second.join(channel, ids[1], { n: 'B' });
  await first.event(ADDED, channel);
  return [first, second];
}

export const presenceCases: readonly Case[] = [
  {
    rule: 'C2.4-4',
    title:
      'The confirmation of a presence channel carries count, ids and hash with the joiner in it.',
    mistakes: [3, 4],
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('presence-');
      const channelData = { user_id: '7', user_info: { name: 'A' } };
      const frame = await client.subscribe(channel, { channelData });
      same(dataOf(frame), {
        presence: { count: 1, ids: ['7'], hash: { '7': { name: 'A' } } },
      });
      same(Object.keys(frame).toSorted(), ['channel', 'data', 'event'], 'the members');
    },
  },
  {
    rule: 'C2.4-5',
    title: 'A joiner sees the members of the whole cluster, and every id of ids stands in hash.',
    mistakes: [7],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = await Promise.all(
        Array.from({ length: 5 }, async (_, edge) => kit.connect({ edge })),
      );
      for (const [at, client] of clients.entries()) {
        const roster = await client.join(channel, `user-${at}`, { at });
        const ids = Array.from({ length: at + 1 }, (_, index) => `user-${index}`);
        same(roster['count'], at + 1, 'count');
        same(sortedTexts(listOf(roster['ids'], 'ids'), 'an id'), ids, 'ids');
        const hash = fieldsOf(roster['hash'], 'hash');
        same(Object.keys(hash).toSorted(), ids, 'the keys of hash');
        same(hash[`user-${at}`], { at }, 'the user_info');
      }
    },
  },
  {
    rule: 'C2.7-1',
    title: 'member_added goes to the others, on every edge, and not to the joiner.',
    mistakes: [3],
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await kit.pair();
      await first.join(channel, '1', { n: 'A' });
      await second.join(channel, '2', { n: 'B' });
      await first.expect({
        event: ADDED,
        channel,
        data: JSON.stringify({ user_id: '2', user_info: { n: 'B' } }),
      });
      await kit.marker([first, second], channel);
    },
  },
  {
    rule: 'C2.7-2',
    title: 'member_removed goes to the others when the last connection of a user leaves.',
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await two(kit, channel);
      second.send('pusher:unsubscribe', { channel });
      await first.expect({ event: REMOVED, channel, data: '{"user_id":"2"}' });
      await kit.marker(first, channel);
    },
  },
  {
    rule: 'C2.7-3',
    title: 'A connection that breaks off is a member removed.',
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await two(kit, channel);
      second.wire.destroy();
      await first.expect({ event: REMOVED, channel, data: '{"user_id":"2"}' });
    },
  },
  {
    rule: 'C2.7-4',
    title:
      'A second connection of a user is told to nobody, and the roster counts users, not connections.',
    mistakes: [5, 6],
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await two(kit, channel);
      for (const edge of [0, 1]) {
        const tab = await kit.connect({ edge });
        same((await tab.join(channel, '1', { n: 'A' }))['count'], 2, 'count');
      }
      await kit.marker([first, second], channel);
    },
  },
  {
    rule: 'C2.7-5',
    title: 'A user is removed when the last of several connections is gone, not before.',
    mistakes: [5],
    async run(kit) {
      const channel = kit.name('presence-');
      const [watch, tab] = await kit.pair();
      await watch.join(channel, 'watch');
      await tab.join(channel, '1');
      await watch.event(ADDED, channel);
      const other = await kit.connect({ edge: 0 });
      await other.join(channel, '1');
      tab.wire.close();
      await tab.closed('a close');
      await kit.marker(watch, channel);
      other.wire.close();
      await watch.expect({ event: REMOVED, channel, data: '{"user_id":"1"}' });
      await kit.marker(watch, channel);
    },
  },
  {
    rule: 'C2.7-6',
    title: 'A numeric user_id is the same user as its digits, and text in ids and hash.',
    mistakes: [29],
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await kit.pair();
      const roster = await first.join(channel, 10, { n: 'A' });
      same(roster, { count: 1, ids: ['10'], hash: { '10': { n: 'A' } } });
      same((await second.join(channel, '10'))['count'], 1, 'count');
      await kit.marker(first, channel);
    },
  },
  {
    rule: 'C2.7-7',
    title: 'Where no user_info was given it is null or {} for the others, and in hash.',
    mistakes: [4],
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await kit.pair();
      await first.join(channel, '1');
      const hash = fieldsOf((await second.join(channel, '2'))['hash'], 'hash');
      const infos = [hash['1'], hash['2'], dataOf(await first.event(ADDED, channel))['user_info']];
      for (const info of infos)
        ensure(info === null || JSON.stringify(info) === '{}', 'null or {}', info);
    },
  },
  {
    rule: 'C2.7-8',
    title: 'Who comes back is added again.',
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await two(kit, channel);
      for (let round = 0; round < 3; round += 1) {
        second.send('pusher:unsubscribe', { channel });
        await first.event(REMOVED, channel);
        same((await second.join(channel, '2'))['count'], 2, 'count');
        await first.event(ADDED, channel);
      }
    },
  },
  {
    rule: 'C2.7-13',
    title: 'User ids of every kind of name are members like others.',
    async run(kit) {
      const channel = kit.name('presence-');
      const [first, second] = await kit.pair();
      await first.join(channel, 'watch');
      for (const id of ['__proto__', 'constructor', '0', 'a b', 'ü😀', '"', '{1}', ':']) {
        const roster = await second.join(channel, id);
        same(sortedTexts(listOf(roster['ids'], 'ids'), 'an id'), [id, 'watch'].toSorted(), 'ids');
        ensure(
          Object.hasOwn(fieldsOf(roster['hash'], 'hash'), id),
          `${JSON.stringify(id)} in hash`,
          roster,
        );
        same(dataOf(await first.event(ADDED, channel))['user_id'], id, 'the member added');
        second.send('pusher:unsubscribe', { channel });
        same(dataOf(await first.event(REMOVED, channel))['user_id'], id, 'the member removed');
      }
    },
  },
  {
    rule: 'C2.7-14',
    title:
      'However many come and go at once, the roster and the events after it have neither hole nor repeat.',
    mistakes: [5, 7, 27],
    async run(kit) {
      const channel = kit.name('presence-');
      const watch = await kit.connect();
      const present = new Set(listOf((await watch.join(channel, 'watch'))['ids'], 'ids'));
      const clients = await Promise.all(
        Array.from({ length: 20 }, async (_, edge) => kit.connect({ edge })),
      );
      await Promise.all(
        clients.map(async (client, at) => {
          await client.join(channel, `u${at}`);
          if (at % 2 === 0) client.send('pusher:unsubscribe', { channel });
        }),
      );
      const wanted = ['watch', ...clients.flatMap((_, at) => (at % 2 === 0 ? [] : [`u${at}`]))];
      for (let heard = 0; heard < 30; heard += 1) {
        const frame = await watch.next('20 members added and 10 removed');
        const { user_id: id } = dataOf(frame);
        const fits = frame['event'] === ADDED ? !present.has(id) : present.has(id);
        if (!fits) unmet('no member added or removed twice', frame);
        if (frame['event'] === ADDED) present.add(id);
        else present.delete(id);
      }
      same(sortedTexts(present, 'an id'), wanted.toSorted(), 'the members');
      const late = await kit.connect({ edge: 1 });
      const roster = await late.join(channel, 'late');
      same(
        sortedTexts(listOf(roster['ids'], 'ids'), 'an id'),
        [...wanted, 'late'].toSorted(),
        'the roster',
      );
    },
  },
];
