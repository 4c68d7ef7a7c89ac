import type { Case } from '../case.ts';
import { ensure, same } from '../expect.ts';
import { channelAuth, hmac } from '../signing.ts';

export const privateCases: readonly Case[] = [
  {
    rule: 'C2.3-1',
    title: 'A private or encrypted channel is opened by a signature of "{socket_id}:{channel}".',
    async run(kit) {
      const client = await kit.connect();
      for (const prefix of ['private-', 'private-encrypted-'])
        await client.subscribe(kit.name(prefix));
    },
  },
  {
    rule: 'C2.3-2',
    title: 'channel_data of a private channel belongs to what is signed.',
    mistakes: [25],
    async run(kit) {
      const client = await kit.connect();
      const channelData = '{"a":"b c","é":"\\u00e9"}';
      await client.subscribe(kit.name('private-'), { channelData });
      const channel = kit.name('private-');
      client.send('pusher:subscribe', {
        channel,
        auth: client.auth(channel),
        channel_data: channelData,
      });
      await client.refused('channel_data that was not signed');
    },
  },
  {
    rule: 'C2.3-3',
    title: 'The signature of another socket, another channel or another secret is refused.',
    async run(kit) {
      const [client, other] = await kit.pair();
      const channel = kit.name('private-');
      for (const auth of [
        other.auth(channel),
        client.auth(`${channel}x`),
        channelAuth({ ...kit.credentials, secret: 'another' }, client.id, channel),
      ]) {
        client.send('pusher:subscribe', { channel, auth });
        await client.refused('a signature of something else');
      }
      await client.subscribe(channel);
    },
  },
  {
    rule: 'C2.3-4',
    title: 'Only the lower-case hex digest is a signature, and nothing around it.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('private-');
      const good = client.auth(channel);
      const [key = '', digest = ''] = good.split(':');
      for (const auth of [
        `${key}:${digest.toUpperCase()}`,
        `${good}0`,
        ` ${good}`,
        good.slice(0, -1),
        `${key}:`,
        key,
        `:${digest}`,
      ]) {
        client.send('pusher:subscribe', { channel, auth });
        await client.refused(`the auth '${auth.replace(digest, '{digest}')}'`);
      }
    },
  },
  {
    rule: 'C2.3-5',
    title:
      'The signed channel_data is taken as it came: spaces, escapes and letters of any script.',
    mistakes: [25],
    async run(kit) {
      const client = await kit.connect();
      for (const channelData of [
        '{ "user_info" : {"name":"\\u00e9 é 😀 \\/ /"}, "user_id" : "7" }',
        '{"user_id":"7","user_id":"8"}',
        '{"user_id":"7","user_info":{"n":1.0,"big":12345678901234567890}}',
      ])
        await client.subscribe(kit.name('presence-'), { channelData });
    },
  },
  {
    rule: 'C2.5-10',
    title: 'A private channel without auth is answered "Auth info required to subscribe to {c}".',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('private-');
      for (const data of [{ channel }, { channel, auth: '' }, { channel, auth: null }]) {
        client.send('pusher:subscribe', data);
        same(await client.refused('no auth'), `Auth info required to subscribe to ${channel}`);
      }
    },
  },
  {
    rule: 'C2.5-11',
    title:
      'A wrong signature is answered with the string that was to be signed, never with the right signature.',
    async run(kit) {
      const client = await kit.connect();
      const { key, secret } = kit.credentials;
      const channel = kit.name('private-');
      const text = `${client.id}:${channel}`;
      client.send('pusher:subscribe', { channel, auth: `${key}:dead` });
      const message = await client.refused('a wrong signature');
      same(
        message,
        `Invalid signature: Expected HMAC SHA256 hex digest of ${text}, but got dead`,
        'the text',
      );
      ensure(!message.includes(hmac(secret, text)), 'no right signature in the answer', message);
    },
  },
  {
    rule: 'C2.5-12',
    title: 'Auth of an unknown key is answered "Invalid key in subscription auth data: \'{key}\'".',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('private-');
      const auth = channelAuth({ ...kit.credentials, key: 'nobody' }, client.id, channel);
      client.send('pusher:subscribe', { channel, auth });
      const message = await client.refused('an unknown key');
      same(message, "Invalid key in subscription auth data: 'nobody'", 'the text');
    },
  },
  {
    rule: 'C2.5-13',
    title:
      'After a failed subscription no event of the channel arrives, and the right auth still opens it.',
    async run(kit) {
      const client = await kit.connect();
      const [channel, open] = [kit.name('private-'), kit.name()];
      await client.subscribe(open);
      client.send('pusher:subscribe', { channel, auth: `${kit.credentials.key}:dead` });
      await client.refused('a wrong signature');
      await kit.api.trigger(channel, 'secret', '{}');
      await kit.marker(client, open);
      await client.subscribe(channel);
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C2.10-1',
    title: 'The payload of an encrypted channel passes byte for byte.',
    mistakes: [41],
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name('private-encrypted-');
      await client.subscribe(channel);
      const data =
        '{ "ciphertext":"aGVsbG8\\/d29ybGQ=",  "nonce":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz" }';
      await kit.api.trigger(channel, 'secret', data);
      await client.expect({ event: 'secret', channel, data });
    },
  },
  {
    rule: 'C2.10-2',
    title: 'A subscriber of an encrypted channel gets nothing that is not an event of it.',
    mistakes: [41],
    async run(kit) {
      const channel = kit.name('private-encrypted-');
      const [one, two] = await kit.pair();
      await one.subscribe(channel);
      await two.subscribe(channel);
      await kit.marker(one, channel);
      same(await one.settleAll(), [], 'frames:');
    },
  },
];
