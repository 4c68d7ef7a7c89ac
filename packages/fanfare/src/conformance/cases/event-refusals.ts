import type { Case } from '../case.ts';
import { ensure, same } from '../expect.ts';
import { refusedWith, succeeded } from '../http.ts';

const TOO_LARGE =
  'The data content of this event exceeds the allowed maximum (10240 bytes). See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info\n';

export const eventRefusalCases: readonly Case[] = [
  {
    rule: 'C5.3-8',
    title:
      'A socket_id of another form is refused with 400; null and one that nobody has are fine.',
    async run(kit) {
      const event = { name: 'e', channels: [kit.name()], data: '{}' };
      for (const id of ['x', '1', '1.', '.1', '1.2.3', '-1.2', '1.2\n', ''])
        refusedWith(await kit.api.tryTrigger({ ...event, socket_id: id }), 400);
      for (const id of [null, '123.456', '4105.13201961'])
        succeeded(await kit.api.tryTrigger({ ...event, socket_id: id }));
    },
  },
  {
    rule: 'C5.3-9',
    title: 'A missing or wrong name, data, channel or channels is refused with 400.',
    async run(kit) {
      const channel = kit.name();
      const event = { name: 'e', channels: [channel], data: '{}' };
      for (const wrong of [
        { channels: [channel], data: '{}' },
        { name: 'e', channels: [channel] },
        { name: 'e', data: '{}' },
        { ...event, name: 7 },
        { ...event, name: '' },
        { ...event, channels: channel },
        { ...event, channels: [7] },
        { ...event, channels: [channel, null] },
        { name: 'e', channel: { a: 1 }, data: '{}' },
      ])
        refusedWith(await kit.api.tryTrigger(wrong), 400);
      const { text } = await kit.api.tryTrigger({ ...event, name: ['e'] });
      same(text, 'Expected name parameter to be a string\n', 'the text');
    },
  },
  {
    rule: 'C5.3-10',
    title:
      'A channel name that does not exist is refused with 400, and nothing is sent to the others.',
    async run(kit) {
      const good = kit.name();
      const client = await kit.connect();
      await client.subscribe(good);
      for (const bad of ['a b', 'a/b', '#a', '', 'é', 'x'.repeat(201)]) {
        const reply = await kit.api.tryTrigger({ name: 'e', channels: [good, bad], data: '{}' });
        ensure(
          /invalid channel/i.test(refusedWith(reply, 400)),
          'Invalid channel name',
          reply.text,
        );
      }
      await kit.marker(client, good);
    },
  },
  {
    rule: 'C5.3-12',
    title: 'An unknown attribute of info is refused with 400.',
    async run(kit) {
      const event = { name: 'e', channels: [kit.name()], data: '{}' };
      refusedWith(await kit.api.tryTrigger({ ...event, info: 'user_count,nothing' }), 400);
      for (const info of ['', null]) succeeded(await kit.api.tryTrigger({ ...event, info }));
    },
  },
  {
    rule: 'C7-4',
    title:
      'Data of 10240 bytes passes, one more is refused with 413 in the words of hosted Pusher; bytes of UTF-8 count.',
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      for (const data of ['x'.repeat(10_240), '😀'.repeat(2_560)]) {
        await kit.api.trigger(channel, 'large', data);
        await client.expect({ event: 'large', channel, data });
      }
      for (const data of ['x'.repeat(10_241), `${'😀'.repeat(2_560)}x`]) {
        const reply = await kit.api.tryTrigger({ name: 'large', channels: [channel], data });
        same(refusedWith(reply, 413), TOO_LARGE, 'the text');
      }
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C7-5',
    title: 'A name of 200 characters passes, one of 201 is refused with 400.',
    async run(kit) {
      const channel = kit.name();
      await kit.api.trigger(channel, 'n'.repeat(200), '{}');
      const name = 'n'.repeat(201);
      refusedWith(await kit.api.tryTrigger({ name, channels: [channel], data: '{}' }), 400);
    },
  },
  {
    rule: 'C7-6',
    title: 'Channel names of 164 characters pass, of 201 are refused with 400.',
    async run(kit) {
      await kit.api.trigger(kit.name().padEnd(164, 'x'), 'e', '{}');
      const channel = kit.name().padEnd(201, 'x');
      refusedWith(await kit.api.tryTrigger({ name: 'e', channel, data: '{}' }), 400);
    },
  },
];
