import type { Case } from '../case.ts';
import { fieldsOf, listOf, same } from '../expect.ts';
import { refusedWith, succeeded } from '../http.ts';
import type { Kit } from '../kit.ts';

async function batch(kit: Kit, events: unknown): Promise<Awaited<ReturnType<typeof kit.api.post>>> {
  return kit.api.post(kit.api.path('/batch_events'), { batch: events });
}

export const batchCases: readonly Case[] = [
  {
    rule: 'C5.4-1',
    title: 'The events of a batch arrive, in their order; the answer is {}.',
    async run(kit) {
      const channel = kit.name();
      const clients = await kit.pair();
      for (const client of clients) await client.subscribe(channel);
      const events = Array.from({ length: 10 }, (_, at) => ({
        channel,
        name: 'n',
        data: String(at),
      }));
      same(succeeded(await batch(kit, events)), {}, 'the answer');
      for (const client of clients)
        for (let at = 0; at < 10; at += 1)
          await client.expect({ event: 'n', channel, data: String(at) });
    },
  },
  {
    rule: 'C5.4-2',
    title: 'Eleven events, none, and a batch that is no list are refused with 400.',
    async run(kit) {
      const event = { channel: kit.name(), name: 'e', data: '{}' };
      for (const events of [
        Array.from({ length: 11 }, () => event),
        [],
        {},
        'x',
        null,
        [7],
        [null],
      ])
        refusedWith(await batch(kit, events), 400);
    },
  },
  {
    rule: 'C5.4-3',
    title: 'One wrong event refuses the batch, and nothing of it is sent.',
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      const good = { channel, name: 'e', data: '{}' };
      const missing = await batch(kit, [good, { name: 'e', data: '{}' }]);
      same(refusedWith(missing, 400), 'Missing required parameter: channel\n', 'the text');
      for (const wrong of [
        { channel, data: '{}' },
        { channel, name: 'e' },
        { channel: 'a b', name: 'e', data: '{}' },
        { ...good, socket_id: 'x' },
        { ...good, info: 'nothing' },
      ])
        refusedWith(await batch(kit, [good, wrong]), 400);
      refusedWith(await batch(kit, [good, { ...good, data: 'x'.repeat(10_241) }]), 413);
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C5.4-4',
    title:
      'Where any event asks for info the answer is a list, one entry for each, {} for those that did not.',
    mistakes: [12],
    async run(kit) {
      const [open, presence] = [kit.name(), kit.name('presence-')];
      const client = await kit.connect();
      await client.subscribe(open);
      await client.join(presence, '7');
      const events = [
        { channel: presence, name: 'e', data: '', info: 'user_count' },
        { channel: open, name: 'e', data: '' },
        { channel: open, name: 'e', data: '', info: 'subscription_count' },
      ];
      await kit.eventually(async () => {
        const answer = fieldsOf(succeeded(await batch(kit, events)), 'the answer');
        const wanted = [{ user_count: 1 }, {}, { subscription_count: 1 }];
        same(listOf(answer['batch'], 'batch'), wanted, 'batch');
      });
    },
  },
  {
    rule: 'C5.4-5',
    title: 'Each event of a batch excludes its own socket_id.',
    mistakes: [31],
    async run(kit) {
      const channel = kit.name();
      const [one, two] = await kit.pair();
      for (const client of [one, two]) await client.subscribe(channel);
      succeeded(
        await batch(kit, [
          { channel, name: 'for-two', data: '', socket_id: one.id },
          { channel, name: 'for-one', data: '', socket_id: two.id },
          { channel, name: 'for-all', data: '', socket_id: null },
        ]),
      );
      for (const [client, own] of [
        [one, 'for-one'],
        [two, 'for-two'],
      ] as const) {
        await client.event(own, channel);
        await client.event('for-all', channel);
      }
    },
  },
  {
    rule: 'C7-7',
    title: 'A batch of ten events of 10 KB each passes.',
    async run(kit) {
      const data = '"'.repeat(10_240);
      const events = Array.from({ length: 10 }, () => ({ channel: kit.name(), name: 'e', data }));
      succeeded(await batch(kit, events));
    },
  },
];
