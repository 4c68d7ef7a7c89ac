import type { Case } from '../case.ts';
import { type Client, errorOf } from '../client.ts';
import { ensure, type Fields, Inapplicable, same, shown, unmet } from '../expect.ts';
import type { Kit } from '../kit.ts';

/** Two subscribers of a private channel, on two edges. */
async function two(kit: Kit, channel: string): Promise<readonly [Client, Client]> {
  const clients = await kit.pair();
  for (const client of clients) await client.subscribe(channel);
  return clients;
}

/** Sends an event that has to be refused in-band and to reach nobody. */
async function rejected(sender: Client, frame: Fields, text?: string): Promise<void> {
  sender.wire.sendText(JSON.stringify(frame));
  const message = await sender.refused(shown(frame));
  if (text !== undefined) same(message, text, 'the text');
}

export const clientEventCases: readonly Case[] = [
  {
    rule: 'C3-1',
    title:
      'A client event reaches the others of a private channel on every edge, its object data as a string.',
    needs: 'client-events',
    mistakes: [3],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      sender.send('client-typing', { a: 1 }, { channel });
      await other.expect({ event: 'client-typing', channel, data: '{"a":1}' });
    },
  },
  {
    rule: 'C3-2',
    title: 'Data that is a string passes as it is, also text that is no JSON.',
    needs: 'client-events',
    mistakes: [18],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      for (const data of ['{"a": 1}', 'plain é 😀', '"', '0']) {
        sender.send('client-typing', data, { channel });
        await other.expect({ event: 'client-typing', channel, data });
      }
    },
  },
  {
    rule: 'C3-3',
    title: 'Data of any JSON type passes, as a string.',
    needs: 'client-events',
    mistakes: [18, 23],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      for (const data of [0, false, 7.5, [], ['a'], {}]) {
        sender.send('client-typing', data, { channel });
        await other.expect({ event: 'client-typing', channel, data: JSON.stringify(data) });
      }
    },
  },
  {
    rule: 'C3-4',
    title: 'The sender does not get its own event, on whichever edge.',
    needs: 'client-events',
    mistakes: [19],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      const neighbour = await kit.connect({ edge: 0 });
      await neighbour.subscribe(channel);
      sender.send('client-typing', {}, { channel });
      for (const client of [other, neighbour]) await client.event('client-typing', channel);
      await kit.marker(sender, channel);
    },
  },
  {
    rule: 'C3-5',
    title: 'On a presence channel it names the user_id of its sender as text.',
    needs: 'client-events',
    mistakes: [19, 29],
    async run(kit) {
      const channel = kit.name('presence-');
      const [sender, other] = await kit.pair();
      await sender.join(channel, 10);
      await other.join(channel, '2');
      sender.send('client-typing', { x: 1 }, { channel });
      await other.expect({ event: 'client-typing', channel, data: '{"x":1}', user_id: '10' });
    },
  },
  {
    rule: 'C3-6',
    title: 'On a public channel, also one of cache-, it is refused in the words of hosted Pusher.',
    needs: 'client-events',
    mistakes: [19, 21],
    async run(kit) {
      const text = 'Client event rejected - only supported on private and presence channels';
      const channel = kit.name();
      const [sender, other] = await two(kit, channel);
      const frame = { event: 'client-typing', data: {} };
      await rejected(sender, { ...frame, channel }, text);
      await rejected(sender, { ...frame, channel: kit.name('cache-private-') }, text);
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C3-7',
    title:
      'Without a subscription it is refused: "Cannot broadcast client event (connection not subscribed to channel {c})".',
    needs: 'client-events',
    mistakes: [19],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await kit.pair();
      await other.subscribe(channel);
      const text = `Cannot broadcast client event (connection not subscribed to channel ${channel})`;
      await rejected(sender, { event: 'client-typing', channel, data: {} }, text);
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C3-8',
    title: 'Without a channel it is refused in-band.',
    needs: 'client-events',
    async run(kit) {
      const sender = await kit.connect();
      await rejected(
        sender,
        { event: 'client-typing', data: {} },
        'Invalid client event (must contain channel and data)',
      );
      for (const channel of [null, 7, {}, ''])
        await rejected(sender, { event: 'client-typing', channel, data: {} });
    },
  },
  {
    rule: 'C3-9',
    title: 'A name without client- is no client event, and reaches nobody.',
    needs: 'client-events',
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      for (const event of ['typing', 'Client-typing', 'xclient-typing'])
        await rejected(sender, { event, channel, data: {} });
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C3-10',
    title:
      'Ten in a second are delivered; more are refused with pusher:error 4301, and the connection stays.',
    needs: 'client-events',
    mistakes: [15],
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      for (let at = 0; at < 40; at += 1) sender.send('client-n', { at }, { channel });
      const errors = await sender.settle();
      ensure(errors.length > 0, 'pusher:error 4301 for some of 40 at once', 'none');
      for (const frame of errors) same(errorOf(frame).code, 4301, 'the code');
      const received = 40 - errors.length;
      for (let at = 0; at < received; at += 1) await other.event('client-n', channel);
      ensure(received >= 10 && received <= 20, '10 to 20 delivered', received);
      await kit.marker([sender, other], channel);
    },
  },
  {
    rule: 'C3-11',
    title: 'The limit is of each connection, not of all.',
    needs: 'client-events',
    async run(kit) {
      const channel = kit.name('private-');
      const [one, two_] = await two(kit, channel);
      for (let at = 0; at < 8; at += 1) one.send('client-n', { at }, { channel });
      for (let at = 0; at < 8; at += 1) two_.send('client-n', { at }, { channel });
      for (const client of [one, two_])
        for (let at = 0; at < 8; at += 1)
          await client.expect({ event: 'client-n', channel, data: JSON.stringify({ at }) });
    },
  },
  {
    rule: 'C3-12',
    title: 'Events of one sender arrive in their order.',
    needs: 'client-events',
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      for (let at = 0; at < 10; at += 1) sender.send('client-n', String(at), { channel });
      for (let at = 0; at < 10; at += 1)
        await other.expect({ event: 'client-n', channel, data: String(at) });
    },
  },
  {
    rule: 'C3-13',
    title:
      'Where client events are off, they are refused with the advice of hosted Pusher and reach nobody.',
    async run(kit) {
      if (kit.has('client-events')) throw new Inapplicable('applies with --without client-events');
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      sender.send('client-typing', {}, { channel });
      const message = await sender.refused('client events are off');
      ensure(/enable/.test(message), 'the advice to enable them', message);
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C7-3',
    title: 'Data of 10 KB passes, more than 64 KB does not, and the name may have 200 characters.',
    needs: 'client-events',
    async run(kit) {
      const channel = kit.name('private-');
      const [sender, other] = await two(kit, channel);
      const data = '"'.repeat(10_000);
      sender.send('client-large', data, { channel });
      await other.expect({ event: 'client-large', channel, data });
      const event = 'client-'.padEnd(200, 'x');
      sender.send(event, '', { channel });
      await other.event(event, channel);
      sender.send('client-large', 'x'.repeat(60_000), { channel });
      // Counts of the channel may still come, where they are told.
      let answer = await sender.arrival('pusher:error or a close');
      while (answer.kind === 'text' && answer.text.includes('subscription_count'))
        answer = await sender.arrival('pusher:error or a close');
      if (
        answer.kind !== 'close' &&
        !(answer.kind === 'text' && answer.text.includes('pusher:error'))
      )
        unmet('pusher:error or a close', answer);
      await kit.marker(other, channel);
    },
  },
];
