import type { Case } from '../case.ts';
import { rosterOf } from '../client.ts';
import { same } from '../expect.ts';

export const presenceRefusalCases: readonly Case[] = [
  {
    rule: 'C2.7-9',
    title:
      'channel_data is needed, has to be an object as JSON, and user_id text or a whole number.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('presence-');
      for (const channelData of [
        undefined,
        '',
        'x',
        '[]',
        '7',
        'null',
        '{}',
        '{"user_id":null}',
        '{"user_id":true}',
        '{"user_id":1.5}',
        '{"user_id":{}}',
        '{"user_id":["7"]}',
        '{"user_id":""}',
      ]) {
        client.send(
          'pusher:subscribe',
          client.subscription(channel, channelData === undefined ? {} : { channelData }),
        );
        await client.refused(`channel_data ${String(channelData)}`);
      }
      await client.join(channel, '7');
    },
  },
  {
    rule: 'C2.7-10',
    title: 'user_info that is no object is refused in the words of hosted Pusher.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('presence-');
      for (const info of ['text', 7, ['a']]) {
        const channelData = { user_id: '7', user_info: info };
        client.send('pusher:subscribe', client.subscription(channel, { channelData }));
        same(
          await client.refused(`the user_info ${JSON.stringify(info)}`),
          'user_info supplied to presence subscription is invalid - if supplied it must be a type of hash',
          'the text',
        );
      }
    },
  },
  {
    rule: 'C2.7-11',
    title: 'A presence channel without auth is refused like a private one.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('presence-');
      client.send('pusher:subscribe', { channel, channel_data: '{"user_id":"7"}' });
      same(await client.refused('no auth'), `Auth info required to subscribe to ${channel}`);
    },
  },
  {
    rule: 'C2.7-12',
    title: 'The signature of a presence channel covers channel_data.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('presence-');
      const signed = client.auth(channel, '{"user_id":"7"}');
      for (const data of [
        { channel, auth: signed, channel_data: '{"user_id":"8"}' },
        { channel, auth: client.auth(channel), channel_data: '{"user_id":"7"}' },
      ]) {
        client.send('pusher:subscribe', data);
        await client.refused('channel_data that was not signed');
      }
    },
  },
  {
    rule: 'C7-1',
    title:
      'A user_id of 128 characters and a user object of a kilobyte are accepted, longer ones are refused in-band.',
    async run(kit) {
      const client = await kit.connect();
      await client.join(kit.name('presence-'), 'u'.repeat(128));
      await client.join(kit.name('presence-'), '7', { n: 'x'.repeat(960) });
      const channel = kit.name('presence-');
      for (const channelData of [
        { user_id: 'u'.repeat(129) },
        { user_id: '7', user_info: { n: 'x'.repeat(1_100) } },
      ]) {
        client.send('pusher:subscribe', client.subscription(channel, { channelData }));
        await client.refused('too much member data');
      }
    },
  },
  {
    rule: 'C7-2',
    title:
      'A presence channel has 100 members: the next user is refused in-band, a further connection of a member is let in.',
    async run(kit) {
      const channel = kit.name('presence-');
      await Promise.all(
        Array.from({ length: 100 }, async (_, at) => {
          const client = await kit.connect({ edge: at });
          await client.join(channel, `u${at}`);
        }),
      );
      const client = await kit.connect();
      const channelData = { user_id: 'one-more' };
      client.send('pusher:subscribe', client.subscription(channel, { channelData }));
      await client.refused('the 101st member');
      const frame = await client.subscribe(channel, { channelData: { user_id: 'u7' } });
      same(rosterOf(frame)['count'], 100, 'count');
    },
  },
];
