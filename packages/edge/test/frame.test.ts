import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPCODES, PONG, RawClient, wsFrame, type Client, type Frame } from './client.ts';
import { authFor, startTestEdge } from './edge-under-test.ts';

const KIB = 1024;
const INVALID = 'Received invalid JSON';
const unsupported = (event: string): string => `Unsupported event received on socket: ${event}`;
const wrongType = (name: string, expected = 'a string'): string =>
  `Invalid parameter: ${name} must be ${expected}`;

describe('Frames from clients', () => {
  it('[FR1] data of every frame is a string, but of `pusher:error` an object', async () => {
    await using edge = await startTestEdge();
    await using client = edge.open('/app/main-key');
    await using other = await edge.connect();
    const room = 'private-room';
    const frames: Frame[] = [await client.established()];
    await other.join(room, authFor(other.id, room));
    client.send('{"event":"pusher:ping"}');
    client.subscribe(room);
    client.subscribe(room, authFor(client.id, room));
    client.send('no json');
    for (let count = 0; count < 5; count += 1) frames.push(await client.nextFrame());
    await edge.trigger(room);
    frames.push(await client.nextFrame());
    other.sendFrame({ event: 'client-e', channel: room, data: { an: 'object' } });
    frames.push(await client.nextFrame());
    assert.equal(new Set(frames.map(({ event }) => event)).size, 7, 'every kind but one error');
    for (const { event, data } of frames) {
      if (event !== 'pusher:error') {
        assert.equal(typeof data, 'string', event);
        continue;
      }
      const { code, message, ...more } = data as { code: unknown; message: unknown };
      assert.equal(code, null);
      assert.equal(typeof message, 'string');
      assert.deepEqual(more, {});
    }
  });

  const answers = [
    ['FR2', '', INVALID],
    ['FR2', 'hello', INVALID],
    ['FR2', '{', INVALID],
    ['FR2', '{"event":"pusher:ping"}{}', INVALID],
    ['FR2', "{'event':'pusher:ping'}", INVALID],
    ['FR2', '\u0000', INVALID],
    ['FR2', 'null', INVALID],
    ['FR2', '42', INVALID],
    ['FR2', '"pusher:ping"', INVALID],
    ['FR2', '["pusher:ping"]', INVALID],
    ['FR2', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, INVALID],
    ['FR2', '['.repeat(60_000), INVALID],
    ['FR2', '{}', 'Missing parameter: event'],
    ['FR2', '{"event":null}', 'Missing parameter: event'],
    ['FR2', '{"data":{"channel":"lobby"}}', 'Missing parameter: event'],
    ['FR2', '{"__proto__":{"event":"pusher:ping"}}', 'Missing parameter: event'],
    ['FR3', '{"event":""}', unsupported('')],
    ['FR3', '{"event":"hello","channel":"lobby","data":1}', unsupported('hello')],
    ['FR3', '{"event":"Pusher:ping"}', unsupported('Pusher:ping')],
    ['FR3', '{"event":"pusher:error","data":{}}', unsupported('pusher:error')],
    ['FR3', '{"event":"pusher:unheard-of"}', unsupported('pusher:unheard-of')],
    ['FR3', '{"event":"pusher_internal:x"}', unsupported('pusher_internal:x')],
    [
      'FR3',
      '{"event":"pusher_internal:subscription_succeeded","channel":"lobby"}',
      unsupported('pusher_internal:subscription_succeeded'),
    ],
    ['FR3', '{"event":"client"}', unsupported('client')],
    ['FR3', '{"event":"toString"}', unsupported('toString')],
    ['FR5', '{"event":7}', wrongType('event')],
    ['FR5', '{"event":"pusher:subscribe","data":[]}', wrongType('data', 'an object')],
    // The frames that ended webman's process (its issue list, item 2), and their like.
    ['FR8', '{"event":"pusher:subscribe"}', 'Missing parameter: data.channel'],
    ['FR8', '{"event":"pusher:subscribe","data":{}}', 'Missing parameter: data.channel'],
    ['FR8', '{"event":{"a":1}}', wrongType('event')],
    ['FR8', '{"event":["pusher:ping"]}', wrongType('event')],
    ['FR8', subscribe(['lobby']), wrongType('data.channel')],
    ['FR8', subscribe({ name: 'lobby' }), wrongType('data.channel')],
    ['FR8', subscribe(true), wrongType('data.channel')],
    ['FR8', '{"event":"pusher:unsubscribe"}', 'Missing parameter: data.channel'],
    ['FR8', '{"event":"pusher:unsubscribe","data":{"channel":[]}}', wrongType('data.channel')],
    ['FR8', '{"event":"client-e","channel":["private-room"],"data":1}', wrongType('channel')],
    ['FR8', '{"event":"client-e","channel":{},"data":{}}', wrongType('channel')],
    [
      'FR8',
      '{"event":"pusher:unsubscribe","data":{"channel":"presence-never"}}',
      'No current subscription to channel presence-never, or subscription in progress',
    ],
    [
      'FR8',
      '{"event":"pusher:subscribe","data":{"channel":"presence-room","auth":"main-key:0","channel_data":{"user_id":[]}}}',
      wrongType('data.channel_data'),
    ],
    [
      'FR8',
      '{"event":"pusher:subscribe","data":{"channel":"private-room","auth":["main-key:0"]}}',
      wrongType('data.auth'),
    ],
    ['FR8', '{"event":"pusher:signin","data":{"auth":1,"user_data":1}}', wrongType('data.auth')],
    [
      'FR8',
      `{"event":"client-e","channel":"private-room","data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      wrongType('data', 'less deeply nested'),
    ],
  ] as const;

  for (const [rule, text, message] of answers) {
    const shown = text.length > 70 ? `${text.slice(0, 60)}… (${text.length})` : text;
    it(`[${rule}] ${JSON.stringify(shown)} is answered, and the socket stays open`, async () => {
      await using edge = await startTestEdge();
      await using client = await edge.connect();
      client.send(text);
      assert.equal(await client.nextError(), message);
      await client.nothingBefore('one answer');
    });
  }

  it('[FR8] a signed presence subscribe whose user id is an array does no harm', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const channelData = '{"user_id":["42"],"user_info":null}';
    client.subscribe('presence-room', authFor(client.id, 'presence-room', { channelData }));
    await client.nextError();
    assert.equal((await client.nextFrame()).event, 'pusher:subscription_error');
    await client.nothingBefore('nothing more');
  });

  it('[FR8] who unsubscribes from what it never joined takes nothing from those who did', async () => {
    await using edge = await startTestEdge();
    await using subscriber = await edge.connect();
    await using attacker = await edge.connect();
    await subscriber.join('lobby');
    for (let times = 0; times < 5; times += 1) {
      attacker.unsubscribe('lobby');
      await attacker.nextError();
    }
    assert.equal(edge.counters.subscriptions, 1);
    assert.equal(edge.counters.channels, 1);
    const event = await edge.trigger('lobby');
    assert.equal(await subscriber.next(), event);
  });

  it('[FR7] a binary frame is answered with an error, whatever is in it', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    for (const bytes of ['', '{"event":"pusher:ping"}', '\0'.repeat(64 * KIB)]) {
      client.socket.send(Buffer.from(bytes));
      assert.equal(await client.nextError(), 'Binary frames are not supported');
    }
    await client.nothingBefore('one answer each');
  });

  it('[FR9] what an error repeats is cut at 200 characters', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const long = 'é'.repeat(199);
    const cases = [
      [{ event: `${long}😀` }, `Unsupported event received on socket: ${long}…`],
      [{ event: `${long}x` }, `Unsupported event received on socket: ${long}x`],
      [{ event: `${long}xy` }, `Unsupported event received on socket: ${long}x…`],
      [
        { event: 'pusher:unsubscribe', data: { channel: `${long}xy` } },
        `No current subscription to channel ${long}x…, or subscription in progress`,
      ],
    ] as const;
    for (const [frame, message] of cases) {
      client.sendFrame(frame);
      assert.equal(await client.nextError(), message);
    }
    const huge = 'k'.repeat(60_000);
    const subscribes = [
      [huge, {}],
      ['private-room', { auth: huge }],
      ['private-room', { auth: `${huge}:x` }],
      ['private-room', { auth: `main-key:${huge}` }],
      ['private-room', { auth: 'main-key:x', channel_data: huge }],
    ] as const;
    for (const [channel, extra] of subscribes) {
      client.subscribe(channel, extra);
      for (let frames = 0; frames < 2; frames += 1) {
        const text = await client.next();
        assert.ok(text.length < 700, `${text.length} characters`);
        assert.ok(text.includes('…'), 'it says that there was more');
      }
    }
  });
});

describe('The size of frames', () => {
  it('[FR6] 64 KiB are read, a byte more closes the socket with 1009', async () => {
    await using edge = await startTestEdge();
    await using neighbour = await edge.connect();
    await using client = await edge.connect();
    for (const filler of ['x', 'é']) {
      client.send(pingOf(64 * KIB, filler));
      assert.equal(await client.next(), PONG);
    }
    client.send(pingOf(64 * KIB + 1));
    assert.equal((await client.closedWith()).code, 1009);
    await assertOnlyLeft(neighbour);
  });

  it('[FR6] bytes count, not characters, and not the fragments they come in', async () => {
    await using edge = await startTestEdge();
    await using neighbour = await edge.connect();
    await using many = await edge.connect();
    const text = pingOf(64 * KIB + 2, 'é');
    assert.ok(text.length < 40 * KIB);
    many.send(text);
    assert.equal((await many.closedWith()).code, 1009);
    await using client = await edge.connect();
    const [head, tail] = [pingOf(64 * KIB).slice(0, 50_000), pingOf(64 * KIB).slice(50_000)];
    client.socket.send(head, { fin: false });
    client.socket.send(tail, { fin: true });
    assert.equal(await client.next(), PONG);
    client.socket.send(head, { fin: false });
    client.socket.send(`${tail} `, { fin: true });
    assert.equal((await client.closedWith()).code, 1009);
    await assertOnlyLeft(neighbour);
  });

  it('[FR6] 256 KiB are still told 1009, more is closed without a word', async () => {
    await using edge = await startTestEdge();
    await using neighbour = await edge.connect();
    await using told = await edge.connect();
    told.send(pingOf(256 * KIB));
    assert.equal((await told.closedWith()).code, 1009);
    await using untold = await edge.connect();
    untold.send(pingOf(256 * KIB + 1));
    assert.equal((await untold.closedWith()).code, 1006);
    await assertOnlyLeft(neighbour);
  });

  it('[FR6] a binary frame is under the same limit', async () => {
    await using edge = await startTestEdge();
    await using neighbour = await edge.connect();
    await using client = await edge.connect();
    client.socket.send(Buffer.alloc(64 * KIB + 1));
    assert.equal((await client.closedWith()).code, 1009);
    await assertOnlyLeft(neighbour);
  });

  it('[FR8] bytes that are no WebSocket frames end their own socket only', async () => {
    await using edge = await startTestEdge();
    await using neighbour = await edge.connect();
    const junk = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(64, 0xff),
      wsFrame(Buffer.from([0xff, 0xfe, 0xc0])),
      wsFrame('x', OPCODES.more),
      wsFrame('x'.repeat(126), OPCODES.ping),
      Buffer.from([0x81, 0xff, 0x7f, ...Array.from({ length: 11 }, () => 0xff)]),
    ];
    for (const bytes of junk) {
      await using raw = await RawClient.open(edge.edge.port, '/app/main-key');
      raw.write(bytes);
      await edge.until(({ connections }) => connections === 1, 'the socket was closed');
    }
    await assertOnlyLeft(neighbour);
  });
});

async function assertOnlyLeft(neighbour: Client): Promise<void> {
  await neighbour.nothingBefore('a neighbour is not disturbed');
}

function subscribe(channel: unknown): string {
  return JSON.stringify({ event: 'pusher:subscribe', data: { channel } });
}

/** A ping of that many bytes. */
function pingOf(bytes: number, filler = 'x'): string {
  const rest = bytes - Buffer.byteLength('{"event":"pusher:ping","data":""}');
  const size = Buffer.byteLength(filler);
  const data = filler.repeat(Math.floor(rest / size)) + 'x'.repeat(rest % size);
  const text = `{"event":"pusher:ping","data":"${data}"}`;
  assert.equal(Buffer.byteLength(text), bytes);
  return text;
}
