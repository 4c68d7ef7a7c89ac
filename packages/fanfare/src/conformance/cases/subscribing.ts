import type { Case } from '../case.ts';
import { frameText } from '../client.ts';
import { ensure, same, shown, unmet } from '../expect.ts';

const SUCCEEDED = 'pusher_internal:subscription_succeeded';

function unsubscribe(channel: string): string {
  return frameText('pusher:unsubscribe', { channel });
}

export const subscribingCases: readonly Case[] = [
  {
    rule: 'C2.1-1',
    title: 'A channel name may hold every allowed character.',
    mistakes: [22],
    async run(kit) {
      const client = await kit.connect();
      await client.subscribe(kit.name('Az09_-=@,.;'));
    },
  },
  {
    rule: 'C2.1-2',
    title: 'A channel name with any other character is refused in-band.',
    async run(kit) {
      const client = await kit.connect();
      for (const odd of [' ', '/', ':', '"', '#', '*', 'é', '\n', '\u0000', '😀']) {
        client.send('pusher:subscribe', { channel: `${kit.name()}${odd}x` });
        await client.refused(`a name with ${JSON.stringify(odd)}`);
      }
    },
  },
  {
    rule: 'C2.1-3',
    title:
      'A name of 164 characters is accepted, one of 201 is refused in-band, and so is an empty one.',
    async run(kit) {
      const client = await kit.connect();
      await client.subscribe(kit.name().padEnd(164, 'x'));
      for (const channel of [kit.name().padEnd(201, 'x'), '']) {
        client.send('pusher:subscribe', { channel });
        await client.refused(`a name of ${channel.length} characters`);
      }
    },
  },
  {
    rule: 'C2.1-4',
    title: 'Names that begin with # are refused, except for those of users.',
    async run(kit) {
      const client = await kit.connect();
      for (const channel of ['#', kit.name('#'), kit.name('#server-')]) {
        client.send('pusher:subscribe', { channel });
        await client.refused(channel);
      }
    },
  },
  {
    rule: 'C2.1-5',
    title:
      'Prefixes are anchored and case-sensitive: x-private-a, Private-a and PRESENCE-a are public.',
    mistakes: [21],
    async run(kit) {
      const client = await kit.connect();
      for (const prefix of ['x-private-', 'Private-', 'PRESENCE-', 'private', 'presence_'])
        await client.subscribe(kit.name(prefix));
    },
  },
  {
    rule: 'C2.2-1',
    title: 'A public channel needs no auth; whatever stands in auth and channel_data is ignored.',
    async run(kit) {
      const client = await kit.connect();
      for (const more of [
        {},
        { auth: '' },
        { auth: null, channel_data: null },
        { auth: 'KEY:dead', channel_data: '{"user_id":"1"}' },
      ]) {
        const channel = kit.name();
        client.send('pusher:subscribe', { ...more, channel });
        await client.confirmed(channel);
      }
    },
  },
  {
    rule: 'C2.2-2',
    title: 'data of a subscribe may also be a JSON string.',
    async run(kit) {
      const client = await kit.connect();
      for (const channel of [kit.name(), kit.name('private-')]) {
        client.send('pusher:subscribe', JSON.stringify(client.subscription(channel)));
        await client.confirmed(channel);
      }
    },
  },
  {
    rule: 'C2.4-1',
    title:
      'subscription_succeeded of a public, private or encrypted channel has exactly the data "{}".',
    mistakes: [1, 3],
    async run(kit) {
      const client = await kit.connect();
      for (const prefix of ['', 'private-', 'private-encrypted-']) {
        const channel = kit.name(prefix);
        same(await client.subscribe(channel), { event: SUCCEEDED, data: '{}', channel });
      }
    },
  },
  {
    rule: 'C2.4-2',
    title: 'subscription_succeeded comes before every event of the channel.',
    mistakes: [28],
    async run(kit) {
      const channel = kit.name();
      const loop = { over: false };
      const busy = (async () => {
        while (!loop.over) await kit.api.trigger(channel, 'e', '{}');
      })();
      // Its failure is told below; until then nobody waits for it.
      busy.catch(() => {});
      try {
        for (let round = 0; round < 10; round += 1) {
          const client = await kit.connect({ edge: round });
          await client.subscribe(channel);
          client.wire.destroy();
        }
      } finally {
        loop.over = true;
        await busy;
      }
    },
  },
  {
    rule: 'C2.4-3',
    title: 'After subscription_succeeded no event is missed, whichever edge it is for.',
    async run(kit) {
      await Promise.all(
        Array.from({ length: 12 }, async (_, edge) => {
          const channel = kit.name();
          const client = await kit.connect({ edge });
          await client.subscribe(channel);
          await kit.api.trigger(channel, 'at-once', 'now');
          await client.expect({ event: 'at-once', channel, data: 'now' });
        }),
      );
    },
  },
  {
    rule: 'C2.5-8',
    title:
      'A second subscribe is answered "Existing subscription to channel {c}" or confirmed again; it counts and delivers once.',
    mistakes: [26],
    async run(kit) {
      const channel = kit.name();
      const client = await kit.connect();
      await client.subscribe(channel);
      client.send('pusher:subscribe', client.subscription(channel));
      const answer = await client.next('an answer to the second subscribe');
      if (answer['event'] !== SUCCEEDED)
        ensure(
          shown(answer).includes(`Existing subscription to channel ${channel}`),
          `"Existing subscription to channel ${channel}"`,
          answer,
        );
      await client.settle();
      await kit.api.trigger(channel, 'once', '{}');
      await client.event('once', channel);
      await kit.marker(client, channel);
      client.send('pusher:unsubscribe', { channel });
      await client.settle();
      await kit.eventually(async () => {
        same((await kit.api.channel(channel))['occupied'], false, 'occupied to be');
      });
    },
  },
  {
    rule: 'C2.5-9',
    title: 'A subscribe without a channel is answered "Missing parameter: data.channel".',
    async run(kit) {
      const client = await kit.connect();
      for (const data of [{}, undefined, { auth: '' }]) {
        client.send('pusher:subscribe', data);
        same(await client.refused('no channel'), 'Missing parameter: data.channel', 'the text');
      }
    },
  },
  {
    rule: 'C2.6-1',
    title: 'Unsubscribe has no reply, and no event of the channel comes after it.',
    async run(kit) {
      const [gone, stays] = [kit.name(), kit.name()];
      const client = await kit.connect();
      await client.subscribe(gone);
      await client.subscribe(stays);
      client.send('pusher:unsubscribe', { channel: gone });
      await client.silent('unsubscribe has no reply');
      await kit.api.trigger(gone, 'e', '{}');
      await kit.marker(client, stays);
    },
  },
  {
    rule: 'C2.6-2',
    title: 'After unsubscribe the channel can be subscribed again.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name();
      for (let round = 0; round < 3; round += 1) {
        await client.subscribe(channel);
        await kit.marker(client, channel);
        client.send('pusher:unsubscribe', { channel });
      }
      await client.silent('unsubscribe has no reply');
    },
  },
  {
    rule: 'C2.6-3',
    title:
      'Unsubscribe and subscribe in one write leave the connection subscribed, the reverse leaves it unsubscribed.',
    mistakes: [27],
    async run(kit) {
      const client = await kit.connect();
      const [back, gone, stays] = [kit.name(), kit.name(), kit.name()];
      await client.subscribe(back);
      await client.subscribe(stays);
      const subscribe = (channel: string): string =>
        frameText('pusher:subscribe', client.subscription(channel));
      client.wire.sendTexts([
        unsubscribe(back),
        subscribe(back),
        subscribe(gone),
        unsubscribe(gone),
      ]);
      await client.confirmed(back);
      // Whether the one that is taken back at once is still confirmed is left open.
      const rest = await client.settle();
      for (const frame of rest)
        if (frame['event'] !== SUCCEEDED || frame['channel'] !== gone)
          unmet(`at most a confirmation of ${gone}`, frame);
      await kit.api.trigger(gone, 'e', '{}');
      await kit.marker(client, back);
    },
  },
  {
    rule: 'C2.6-4',
    title:
      'Unsubscribing from a channel that was not subscribed is ignored or answered with an error; nothing closes.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name();
      client.send('pusher:unsubscribe', { channel });
      for (const frame of await client.settle()) {
        const text = `No current subscription to channel ${channel}, or subscription in progress`;
        ensure(shown(frame).includes(text), `nothing or "${text}"`, frame);
      }
      await client.subscribe(channel);
    },
  },
  {
    rule: 'C2.6-5',
    title: 'The end of a connection, clean or not, ends all its subscriptions.',
    mistakes: [27],
    async run(kit) {
      const channels = [kit.name(), kit.name('private-'), kit.name('presence-')] as const;
      const clients = await kit.pair();
      for (const client of clients) {
        await client.subscribe(channels[0]);
        await client.subscribe(channels[1]);
        await client.join(channels[2], '7');
      }
      clients[0].wire.close();
      clients[1].wire.destroy();
      for (const channel of channels)
        await kit.eventually(async () => {
          same((await kit.api.channel(channel))['occupied'], false, `occupied of ${channel} to be`);
        });
    },
  },
  {
    rule: 'C2.6-6',
    title: 'A subscribe right before the end of a connection leaves nothing behind.',
    mistakes: [27],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = await Promise.all(
        Array.from({ length: 6 }, async (_, edge) => kit.connect({ edge })),
      );
      for (const client of clients) {
        const channelData = { user_id: '7' };
        client.send('pusher:subscribe', client.subscription(channel, { channelData }));
        setImmediate(() => client.wire.destroy());
      }
      const watch = await kit.connect();
      await kit.eventually(async () => {
        const roster = await watch.join(channel, 'watch');
        watch.send('pusher:unsubscribe', { channel });
        await watch.settle();
        same(roster['ids'], ['watch'], 'the members to be');
      });
    },
  },
];
