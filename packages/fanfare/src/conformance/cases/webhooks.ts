import type { Case } from '../case.ts';
import {
  ensure,
  type Fields,
  fieldsOf,
  listOf,
  parsed,
  same,
  sortedTexts,
  textOf,
  unmet,
} from '../expect.ts';
import type { Kit } from '../kit.ts';
import { hmac } from '../signing.ts';
import type { WebhookRequest } from '../webhook-inbox.ts';

interface Told {
  readonly request: WebhookRequest;
  readonly event: Fields;
}

function eventsOf({ body }: WebhookRequest): readonly Fields[] {
  const { events } = fieldsOf(parsed(body, 'the body'), 'the body');
  return listOf(events, 'events').map((event) => fieldsOf(event, 'an event'));
}

/** Where they are told, counts come as often as the server likes. */
const COUNT = 'subscription_count';

/** What was told of a channel so far, in order, but for its counts. */
function toldOf(kit: Kit, channel: string): readonly Told[] {
  const { requests = [] } = kit.webhooks ?? {};
  return requests
    .filter(({ body }) => body.includes(channel))
    .flatMap((request) => eventsOf(request).map((event) => ({ request, event })))
    .filter(({ event }) => event['channel'] === channel && event['name'] !== COUNT);
}

function namesOf(kit: Kit, channel: string): readonly unknown[] {
  return toldOf(kit, channel).map(({ event }) => event['name']);
}

/** In whatever order: Pusher promises none among events of different kinds. */
async function until(kit: Kit, channel: string, names: readonly string[]): Promise<void> {
  await kit.eventually(() => {
    const told = sortedTexts(namesOf(kit, channel), 'a name');
    same(told, names.toSorted(), `webhooks of ${channel}`);
  });
}

export const webhookCases: readonly Case[] = [
  {
    rule: 'C6-1',
    title:
      'A webhook is a POST of application/json, signed with the key it names over the bytes of its body.',
    needs: 'webhooks',
    async run(kit) {
      const channel = kit.name();
      await (await kit.connect()).subscribe(channel);
      await until(kit, channel, ['channel_occupied']);
      const [{ request } = unmet('a webhook', 'none')] = toldOf(kit, channel);
      const { headers, body } = request;
      same(headers['content-type'], 'application/json', 'Content-Type');
      same(headers['x-pusher-key'], kit.credentials.key, 'X-Pusher-Key');
      same(headers['x-pusher-signature'], hmac(kit.credentials.secret, body), 'the signature');
      const { time_ms: time } = fieldsOf(parsed(body, 'the body'), 'the body');
      const near = Number.isInteger(time) && Math.abs(Date.now() - Number(time)) < 300_000;
      ensure(near, 'time_ms of now as a whole number', time);
    },
  },
  {
    rule: 'C6-2',
    title:
      'channel_occupied and channel_vacated come once each, whatever the edges; a channel that is left and taken again at once is not told as vacated.',
    needs: 'webhooks',
    mistakes: [9],
    async run(kit) {
      const channel = kit.name();
      const clients = await kit.pair();
      for (const client of clients) await client.subscribe(channel);
      await until(kit, channel, ['channel_occupied']);
      for (const client of clients) client.send('pusher:unsubscribe', { channel });
      const back = await kit.connect({ edge: 1 });
      await back.subscribe(channel);
      back.send('pusher:unsubscribe', { channel });
      await until(kit, channel, ['channel_occupied', 'channel_vacated']);
    },
  },
  {
    rule: 'C6-3',
    title:
      'member_added and member_removed come once for a user, with a user_id that is text, and so does the channel.',
    needs: 'webhooks',
    mistakes: [5, 9, 29],
    async run(kit) {
      const channel = kit.name('presence-');
      const clients = await kit.pair();
      for (const client of clients) await client.join(channel, 10);
      await until(kit, channel, ['channel_occupied', 'member_added']);
      for (const client of clients) client.wire.close();
      const names = ['channel_occupied', 'member_added', 'member_removed', 'channel_vacated'];
      await until(kit, channel, names);
      for (const { event } of toldOf(kit, channel))
        if (textOf(event['name'], 'name').startsWith('member_'))
          same(event['user_id'], '10', 'user_id');
    },
  },
  {
    rule: 'C6-4',
    title:
      'client_event carries name, channel, event, data as text, socket_id and, on presence channels, user_id.',
    needs: 'webhooks',
    mistakes: [29],
    async run(kit) {
      const channel = kit.name('presence-');
      const client = await kit.connect();
      await client.join(channel, '7');
      client.send('client-typing', { x: 1 }, { channel });
      await kit.eventually(() => {
        const event = toldOf(kit, channel).find((each) => each.event['name'] === 'client_event');
        same(event?.event, {
          name: 'client_event',
          channel,
          event: 'client-typing',
          data: '{"x":1}',
          socket_id: client.id,
          user_id: '7',
        });
      });
    },
  },
  {
    rule: 'C6-5',
    title: 'cache_miss is told when somebody subscribes to an empty cache channel.',
    needs: 'webhooks',
    mistakes: [10],
    async run(kit) {
      const channel = kit.name('cache-');
      await (await kit.connect()).subscribe(channel);
      await kit.eventually(() => {
        ensure(namesOf(kit, channel).includes('cache_miss'), 'cache_miss', namesOf(kit, channel));
      });
    },
  },
];
