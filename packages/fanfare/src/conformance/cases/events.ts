import type { Case } from '../case.ts';
import { same, sortedTexts } from '../expect.ts';
import { refusedWith, succeeded, targetOf } from '../http.ts';
import { type Params, signedParams } from '../signing.ts';

export const eventCases: readonly Case[] = [
  {
    rule: 'C5.3-1',
    title:
      'A trigger is answered {} and reaches subscribers on every edge with its data byte for byte.',
    async run(kit) {
      const channel = kit.name();
      const clients = await kit.pair();
      for (const client of clients) await client.subscribe(channel);
      for (const data of ['{"a": 1}', 'plain', '{ "é":"\\u00e9 😀","x":"\\/" }', '\u2028"\\']) {
        same(await kit.api.trigger(channel, 'my-event', data), {}, 'the answer');
        for (const client of clients) await client.expect({ event: 'my-event', channel, data });
      }
    },
  },
  {
    rule: 'C5.3-2',
    title: 'Data that is empty, "0" or "null" is data.',
    mistakes: [23],
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      for (const data of ['', '0', 'null', 'false']) {
        await kit.api.trigger(channel, 'e', data);
        await client.expect({ event: 'e', channel, data });
      }
    },
  },
  {
    rule: 'C5.3-3',
    title: 'Data that is no string is encoded to one, or refused with 400.',
    mistakes: [3],
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      for (const data of [{ a: 1 }, [1], 7]) {
        const reply = await kit.api.tryTrigger({ name: 'e', channel, data });
        if (reply.status === 400) continue;
        succeeded(reply);
        await client.expect({ event: 'e', channel, data: JSON.stringify(data) });
      }
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C5.3-4',
    title: 'Event names may hold anything: backslashes, dots, colons, spaces, any script.',
    mistakes: [22],
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      for (const event of [
        'App\\Events\\OrderShipped',
        'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated',
        '.a.b:c d/e',
        'événement 😀',
        'client-from-server',
        'x'.repeat(200),
      ]) {
        await kit.api.trigger(channel, event, '{}');
        await client.event(event, channel);
      }
    },
  },
  {
    rule: 'C5.3-5',
    title: 'channel may stand in the place of channels; where both stand, channels wins.',
    async run(kit) {
      const [one, two] = [kit.name(), kit.name()];
      const client = await kit.connect();
      await client.subscribe(one);
      await client.subscribe(two);
      succeeded(await kit.api.tryTrigger({ name: 'e', channel: one, data: '1' }));
      await client.expect({ event: 'e', channel: one, data: '1' });
      succeeded(await kit.api.tryTrigger({ name: 'e', channel: one, channels: [two], data: '2' }));
      await client.expect({ event: 'e', channel: two, data: '2' });
      await kit.marker(client, one);
    },
  },
  {
    rule: 'C5.3-6',
    title:
      'A hundred channels are taken, each once however often it stands there; 101 and none are refused with 400.',
    mistakes: [22],
    async run(kit) {
      const channels = Array.from({ length: 100 }, () => kit.name());
      const [first = '', last = ''] = [channels[0], channels[99]];
      const client = await kit.connect();
      await client.subscribe(first);
      await client.subscribe(last);
      await kit.api.trigger(channels, 'hundred', '{}');
      const heard = [await client.next('an event'), await client.next('an event')];
      const names = sortedTexts(
        heard.map(({ channel }) => channel),
        'channel',
      );
      same(names, [first, last].toSorted(), 'channels');
      await kit.api.trigger([first, first, first], 'thrice', '{}');
      await client.event('thrice', first);
      await kit.marker(client, first);
      for (const wrong of [[...channels, kit.name()], []])
        refusedWith(await kit.api.tryTrigger({ name: 'e', channels: wrong, data: '{}' }), 400);
    },
  },
  {
    rule: 'C5.3-7',
    title: 'The connection of socket_id does not get the event, on whichever edge; all others do.',
    mistakes: [19, 31],
    async run(kit) {
      const channels = [kit.name(), kit.name('private-')] as const;
      const [one, two] = await kit.pair();
      for (const channel of channels) {
        await one.subscribe(channel);
        await two.subscribe(channel);
      }
      for (const [left, other] of [
        [one, two],
        [two, one],
      ] as const) {
        await kit.api.trigger(channels, 'e', '{}', { socket_id: left.id });
        const heard = [await other.next('an event'), await other.next('an event')];
        const names = sortedTexts(
          heard.map(({ channel }) => channel),
          'channel',
        );
        same(names, channels.toSorted(), 'channels');
        await kit.marker([left, other], channels[0]);
        await left.silent('it was excluded');
      }
    },
  },
  {
    rule: 'C5.3-11',
    title:
      'info counts users and subscriptions of each channel, and leaves out what does not apply.',
    mistakes: [6],
    async run(kit) {
      const [open, presence] = [kit.name(), kit.name('presence-')];
      const clients = [...(await kit.pair()), await kit.connect()];
      for (const client of clients) await client.join(presence, 'same-user');
      await clients[0]?.subscribe(open);
      const ask = async (): Promise<unknown> =>
        (
          await kit.api.trigger([presence, open], 'e', '{}', {
            info: 'user_count,subscription_count',
          })
        )['channels'];
      await kit.eventually(async () => {
        same(await ask(), {
          [presence]: { user_count: 1, subscription_count: 3 },
          [open]: { subscription_count: 1 },
        });
      });
    },
  },
  {
    rule: 'C5.3-13',
    title: 'Events of a channel arrive in the order in which they were triggered.',
    async run(kit) {
      const channel = kit.name();
      const clients = await kit.pair();
      for (const client of clients) await client.subscribe(channel);
      for (let at = 0; at < 20; at += 1) await kit.api.trigger(channel, 'n', String(at));
      for (const client of clients)
        for (let at = 0; at < 20; at += 1)
          await client.expect({ event: 'n', channel, data: String(at) });
    },
  },
  {
    rule: 'C5.3-14',
    title: 'An app gets the events of its own channel of exactly that name.',
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      for (const other of [`${channel}x`, channel.slice(0, -1), channel.toUpperCase()])
        await kit.api.trigger(other, 'e', '{}');
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C5.3-15',
    title: 'Parameters may stand in the query, channels as channels[]; the body may be empty.',
    async run(kit) {
      const [one, two] = [kit.name(), kit.name()];
      const client = await kit.connect();
      await client.subscribe(one);
      await client.subscribe(two);
      const path = kit.api.path('/events');
      const params: Params = [
        ['name', 'from-query'],
        ['channels[]', one],
        ['channels[]', two],
        ['data', '{"a":1}'],
      ];
      const target = targetOf(
        path,
        signedParams(kit.credentials, { method: 'POST', path, params }),
      );
      succeeded(await kit.api.send({ method: 'POST', target }));
      const heard = [await client.next('an event'), await client.next('an event')];
      const names = sortedTexts(
        heard.map(({ channel }) => channel),
        'channel',
      );
      same(names, [one, two].toSorted(), 'channels');
      for (const frame of heard) same(frame['data'], '{"a":1}', 'data');
    },
  },
];
