import type { Case } from '../case.ts';
import { type Client, frameText } from '../client.ts';
import { dataOf, same, unmet } from '../expect.ts';
import { opcodes } from '../websocket-frame.ts';

const PONG = { event: 'pusher:pong', data: '{}' };

async function pong(client: Client): Promise<string> {
  for (;;) {
    const arrival = await client.arrival('a PONG');
    if (arrival.kind === 'pong') return arrival.payload;
    if (arrival.kind !== 'text' && arrival.kind !== 'ping') unmet('a PONG', arrival);
  }
}

function pingFrame(payload: string | Buffer): {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
} {
  return { fin: true, opcode: opcodes.ping, payload: Buffer.from(payload) };
}

export const pingCases: readonly Case[] = [
  {
    rule: 'C1.4-1',
    title: 'pusher:ping is answered by pusher:pong with the data "{}".',
    mistakes: [17],
    async run(kit) {
      const client = await kit.connect();
      client.send('pusher:ping', {});
      await client.expect(PONG);
    },
  },
  {
    rule: 'C1.4-2',
    title: 'pusher:ping is answered whatever its data: none, null, text, an object.',
    async run(kit) {
      const client = await kit.connect();
      for (const data of [undefined, null, '', '{}', { a: 1 }, []]) {
        client.send('pusher:ping', data);
        await client.expect(PONG);
      }
    },
  },
  {
    rule: 'C1.4-3',
    title: 'A WebSocket PING is answered by a PONG with its payload, empty or of 125 bytes.',
    mistakes: [17],
    async run(kit) {
      const client = await kit.connect();
      for (const payload of ['', 'hello', 'x'.repeat(125)]) {
        client.wire.sendFrame(pingFrame(payload));
        same(await pong(client), payload, 'the payload');
      }
    },
  },
  {
    rule: 'C1.4-4',
    title: 'Thirty PINGs at once, and again, are all answered; control frames are not limited.',
    async run(kit) {
      const client = await kit.connect();
      for (let round = 0; round < 3; round += 1) {
        client.wire.sendFrame(...Array.from({ length: 30 }, (_, at) => pingFrame(String(at))));
        for (let at = 0; at < 30; at += 1) same(await pong(client), String(at), 'PONG');
      }
    },
  },
  {
    rule: 'C1.4-5',
    title: 'pusher:pong is taken without an answer, with any data or none.',
    async run(kit) {
      const client = await kit.connect();
      for (const data of [{}, null, undefined, '{}']) client.send('pusher:pong', data);
      await client.silent('pongs have no answer');
    },
  },
  {
    rule: 'C1.4-6',
    title: 'A text in fragments is one frame, also with a PING between them.',
    async run(kit) {
      const client = await kit.connect();
      const text = Buffer.from(frameText('pusher:ping', {}));
      client.wire.sendFrame(
        { fin: false, opcode: opcodes.text, payload: text.subarray(0, 5) },
        pingFrame('between'),
        { fin: false, opcode: opcodes.continuation, payload: text.subarray(5, 9) },
        { fin: true, opcode: opcodes.continuation, payload: text.subarray(9) },
      );
      same(await pong(client), 'between', 'the payload');
      await client.expect(PONG);
    },
  },
  {
    rule: 'C1.4-7',
    title:
      'A client that only listens, and answers PINGs, stays connected beyond activity_timeout and the pong wait.',
    needs: 'slow',
    mistakes: [16, 39],
    limitMs: 900_000,
    async run(kit) {
      const client = await kit.connect();
      const { activity_timeout: seconds } = dataOf(client.established);
      const end = Date.now() + (Number(seconds) + 45) * 1_000;
      for (let left = end - Date.now(); left > 0; left = end - Date.now()) {
        const arrival = await client.wire.arrivals.next(left);
        if (arrival?.kind === 'close' || arrival?.kind === 'end')
          unmet('a connection that stays', arrival);
      }
      await client.settle();
    },
  },
];
