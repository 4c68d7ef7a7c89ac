import type { Case } from '../case.ts';
import { frameText } from '../client.ts';
import { ensure, same, unmet } from '../expect.ts';
import type { Kit } from '../kit.ts';
import { opcodes } from '../websocket-frame.ts';

/** Sends odd bytes: they may be refused in-band or by a close that is not one of Pusher's refusals; others notice nothing. */
async function survives(kit: Kit, opcode: number, payload: Buffer): Promise<void> {
  const channel = kit.name();
  const [odd, other] = await kit.pair();
  await other.subscribe(channel);
  odd.wire.sendFrame({ fin: true, opcode, payload });
  const arrival = await odd.arrival('pusher:error or a close');
  if (arrival.kind === 'close') {
    const { code } = arrival;
    ensure(code < 4000 || (code >= 4100 && code < 4300), 'a close after which SDKs return', code);
  } else if (arrival.kind === 'text')
    ensure(arrival.text.includes('"pusher:error"'), 'pusher:error', arrival.text);
  await kit.marker(other, channel);
  await kit.connect();
}

export const frameCases: readonly Case[] = [
  {
    rule: 'C2.5-1',
    title: 'A frame that is no JSON is answered "Received invalid JSON".',
    async run(kit) {
      const client = await kit.connect();
      for (const text of ['', 'hello', '{"event":']) {
        client.wire.sendText(text);
        same(await client.refused('no JSON'), 'Received invalid JSON', 'the text');
      }
    },
  },
  {
    rule: 'C2.5-2',
    title: 'JSON that is no object, or has no event that is text, is refused in-band.',
    async run(kit) {
      const client = await kit.connect();
      for (const text of ['[]', '1', 'null', '"text"', '{}', '{"event":1}', '{"event":null}']) {
        client.wire.sendText(text);
        await client.refused(`the frame ${text}`);
      }
    },
  },
  {
    rule: 'C2.5-3',
    title: 'An unknown event is answered "Unsupported event received on socket: {event}".',
    async run(kit) {
      const client = await kit.connect();
      client.send('hello', {});
      same(await client.refused('an unknown event'), 'Unsupported event received on socket: hello');
    },
  },
  {
    rule: 'C2.5-4',
    title: 'Names beginning pusher: or pusher_internal: are refused from clients and reach nobody.',
    mistakes: [20],
    async run(kit) {
      const channel = kit.name('presence-');
      const [sender, other] = await kit.pair();
      await other.join(channel, '1');
      await sender.join(channel, '2');
      await other.event('pusher_internal:member_added', channel);
      for (const event of [
        'pusher_internal:member_added',
        'pusher_internal:subscription_succeeded',
        'pusher:cache_miss',
        'pusher:no-such',
      ]) {
        sender.send(event, '{"user_id":"9"}', { channel });
        await sender.refused(event);
      }
      await kit.marker(other, channel);
    },
  },
  {
    rule: 'C2.5-5',
    title: 'Members of a frame that nobody knows are ignored.',
    async run(kit) {
      const client = await kit.connect();
      const channel = kit.name();
      client.send('pusher:subscribe', { channel, extra: { a: [1] } }, { id: 7, more: null });
      await client.confirmed(channel);
    },
  },
  {
    rule: 'C2.5-6',
    title: 'A parameter of a wrong type is refused in-band.',
    async run(kit) {
      const client = await kit.connect();
      for (const data of [{ channel: 1 }, { channel: ['a'] }, { channel: {} }, [], 7, 'x']) {
        client.send('pusher:subscribe', data);
        await client.refused(`a subscribe with data ${JSON.stringify(data)}`);
      }
    },
  },
  {
    rule: 'C2.5-7',
    title: 'Frames of one socket are handled strictly in order.',
    mistakes: [27],
    async run(kit) {
      const client = await kit.connect();
      const channels = Array.from({ length: 20 }, (_, at) =>
        kit.name(at % 2 === 0 ? '' : 'private-'),
      );
      client.wire.sendTexts([
        ...channels.map((channel) => frameText('pusher:subscribe', client.subscription(channel))),
        frameText('pusher:ping', {}),
      ]);
      for (const channel of channels) await client.confirmed(channel);
      await client.expect({ event: 'pusher:pong', data: '{}' });
    },
  },
  {
    rule: 'C7-8',
    title: 'A binary frame costs at most its own connection.',
    run: (kit) => survives(kit, opcodes.binary, Buffer.from('{"event":"pusher:ping"}')),
  },
  {
    rule: 'C7-9',
    title: 'A text that is no UTF-8 costs at most its own connection.',
    run: (kit) => survives(kit, opcodes.text, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  },
  {
    rule: 'C7-10',
    title: 'A text of deeply nested arrays costs at most its own connection.',
    run: (kit) =>
      survives(kit, opcodes.text, Buffer.from(`{"event":"client-x","data":${'['.repeat(30_000)}`)),
  },
  {
    rule: 'C7-11',
    title: 'A frame of a megabyte costs at most its own connection, and is not taken.',
    run: (kit) =>
      survives(kit, opcodes.text, Buffer.from(frameText('client-x', 'x'.repeat(1_048_576)))),
  },
  {
    rule: 'C7-12',
    title: 'A frame of 32 KiB is taken: 10 KB of data escaped, or a long watchlist, need it.',
    async run(kit) {
      const client = await kit.connect();
      client.send('pusher:ping', 'x'.repeat(32_000));
      await client.expect({ event: 'pusher:pong', data: '{}' });
    },
  },
  {
    rule: 'C7-13',
    title: 'An unmasked frame, or one with reserved bits, ends its own connection only.',
    async run(kit) {
      const [odd, other] = await kit.pair();
      odd.wire.sendFrame({ fin: true, opcode: 0x40 | opcodes.text, payload: Buffer.from('{}') });
      const arrival = await odd.arrival('the end of the connection');
      if (arrival.kind !== 'close' && arrival.kind !== 'end')
        unmet('the end of the connection', arrival);
      await other.subscribe(kit.name());
    },
  },
];
