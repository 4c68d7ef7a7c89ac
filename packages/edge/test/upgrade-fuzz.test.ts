import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { appSchema } from '@fanfare/core';
import { OPCODES, wsFrame, type Frame } from './client.ts';
import { apps, startTestEdge } from './edge-under-test.ts';
import { within } from './inbox.ts';
import { Chance, fixedSeeds } from './seeded.ts';

const REQUESTS = 250;
const AT_ONCE = 10;

/** Only pages of some origins may connect, and few of them. */
const picky = appSchema.parse({
  id: '1090',
  keys: [{ key: 'picky-key', secret: 'picky-secret' }],
  allowedOrigins: ['https://example.com', 'https://*.example.org'],
  limits: { maxConnections: 2 },
});

describe('Whatever comes as a request to an edge', () => {
  for (const seed of fixedSeeds(2))
    it(`[FZ1] is answered or let go, and the edge goes on (seed ${seed})`, async (test) => {
      await using edge = await startTestEdge({ moreApps: [picky] });
      const answers = new Map<string, number>();
      const ask = async (number: number): Promise<void> => {
        for (let at = number; at < REQUESTS; at += AT_ONCE) {
          const chance = new Chance(seed * 1_000 + at);
          const request = requestOf(chance);
          const shown = `FUZZ_SEED=${seed}, request ${at}: ${request.toString('latin1').slice(0, 2_000)}`;
          const answer = await within(
            said(edge.edge.port, request, chance),
            `not let go: ${shown}`,
          );
          const kind = kindOf(answer, shown);
          answers.set(kind, (answers.get(kind) ?? 0) + 1);
          assert.deepEqual(edge.defects, [], shown);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => ask(number)));
      test.diagnostic([...answers].map((each) => each.join(' ')).join(', '));
      for (const kind of ['pusher:connection_established', 'close 4005', '404', '400', 'nothing'])
        assert.ok(answers.has(kind), `nobody got ${kind}`);
      await edge.until(({ connections }) => connections === 0, 'nobody is left');
      await using client = await edge.connect();
      await client.join('lobby');
      const frame = await edge.trigger('lobby');
      assert.equal(await client.next(), frame);
    });
});

/** All that comes back before the edge closes the connection, which it does once we say no more. */
async function said(port: number, request: Buffer, chance: Chance): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Some are reset while they still write.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('end', () => socket.destroy());
  const cut = chance.below(3) === 0 ? chance.below(request.length) : 0;
  socket.write(request.subarray(0, cut));
  if (cut > 0) await turn();
  if (!socket.destroyed) socket.end(request.subarray(cut));
  await closed;
  return Buffer.concat(chunks);
}

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** What kind of answer it is; fails when it is none. */
function kindOf(all: Buffer, shown: string): string {
  if (all.length === 0) return 'nothing';
  let answer = all;
  while (answer.subarray(0, CONTINUE.length).equals(CONTINUE))
    answer = answer.subarray(CONTINUE.length);
  const text = answer.toString('latin1');
  const status = /^HTTP\/1\.1 (101|400|404|413|431|505) [A-Za-z ]+\r\n/.exec(text)?.[1];
  assert.ok(status !== undefined, `${shown}\nwas answered ${text}`);
  for (const { keys } of Object.values(apps))
    for (const { secret } of keys) assert.ok(!text.includes(secret), shown);
  if (status !== '101') return status;
  const end = answer.indexOf('\r\n\r\n') + 4;
  const long = answer[end + 1] === 126;
  const start = end + (long ? 4 : 2);
  const length = long ? answer.readUInt16BE(end + 2) : answer.readUInt8(end + 1);
  assert.equal(answer[end], 0x81, shown);
  const { event, data } = JSON.parse(answer.toString('utf8', start, start + length)) as Frame;
  if (event === 'pusher:connection_established') return event;
  assert.equal(event, 'pusher:error', shown);
  return `close ${(data as { code: number }).code}`;
}

function requestOf(chance: Chance): Buffer {
  const odd = (): boolean => chance.below(8) === 0;
  const method = odd() ? chance.of(METHODS) : 'GET';
  const target =
    chance.below(3) === 0
      ? chance.of(TARGETS)
      : chance.of(['/app/main-key?protocol=7', '/app/picky-key?protocol=7']);
  const version = odd() ? chance.of(VERSIONS) : 'HTTP/1.1';
  const headers = new Map([
    ['Host', '127.0.0.1'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Version', '13'],
  ]);
  if (chance.below(4) === 0) headers.delete(chance.of([...headers.keys()]));
  if (chance.below(4) === 0) headers.set(chance.of([...headers.keys()]), chance.of(VALUES));
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
  for (let more = chance.below(3); more > 0; more -= 1)
    lines.splice(chance.below(lines.length + 1), 0, chance.of(LINES));
  const newline = chance.below(20) === 0 ? '\n' : '\r\n';
  const head = [`${method} ${target} ${version}`, ...lines, '', ''].join(newline);
  const bytes = Buffer.concat([Buffer.from(head, 'latin1'), behind(chance)]);
  return chance.below(6) === 0 ? damaged(bytes, chance) : bytes;
}

/** What some send without waiting for an answer. */
function behind(chance: Chance): Buffer {
  const subscribe = '{"event":"pusher:subscribe","data":{"channel":"lobby"}}';
  return chance.of([
    Buffer.alloc(0),
    Buffer.alloc(0),
    wsFrame(subscribe),
    wsFrame(subscribe, OPCODES.binary),
    wsFrame(subscribe).subarray(0, 9),
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('5\r\nhello\r\n0\r\n\r\n'),
    chance.bytes(100),
  ]);
}

function damaged(bytes: Buffer, chance: Chance): Buffer {
  const result = Buffer.from(bytes);
  for (let times = 1 + chance.below(4); times > 0; times -= 1)
    result[chance.below(result.length)] = chance.below(256);
  return result;
}

const METHODS = [
  'get',
  'POST',
  'HEAD',
  'OPTIONS',
  'PUT',
  'CONNECT',
  'PRI',
  '',
  'X'.repeat(300),
  'G\u0000T',
];
const VERSIONS = [
  'HTTP/1.0',
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/1.1 ',
  'http/1.1',
  'HTTP/9',
  '',
  'RTSP/1.0',
];
const TARGETS = [
  '/',
  '*',
  '//',
  '',
  '/app',
  '/app/',
  '/app/main-key/',
  '/app/main-key/x',
  '/app/%6dain-key?protocol=7',
  '/app/%zz?protocol=7',
  '/app/%ff%fe',
  '/app/__proto__',
  '/app/disabled-key?protocol=7',
  '/app/\u0000',
  '/app/\u00e4\u00ff',
  `/app/${'k'.repeat(3_000)}`,
  `/app/${'k'.repeat(9_000)}`,
  '/app/main-key?protocol=',
  '/app/main-key?protocol=3',
  '/app/main-key?protocol=99999999999999999999',
  '/app/main-key?protocol=-7',
  '/app/main-key?protocol=%37',
  '/app/main-key?protocol=7&protocol=x',
  '/app/main-key?protocol[]=7',
  '/app/main-key?%',
  `/app/main-key?${'a&'.repeat(1_500)}`,
  '/app/main-key#protocol=7',
  'http://127.0.0.1/app/main-key?protocol=7',
  '/../app/main-key',
  '/app/main-key?protocol=7 HTTP/1.1 x',
];
const VALUES = [
  '',
  ' ',
  'x',
  'dGhlIHNhbXBsZSBub25jZQ=',
  `${'A'.repeat(25)}=`,
  '\u00ff'.repeat(24),
  'A'.repeat(3_000),
  '\u0000',
  '13, 12',
  '-1',
];
const LINES = [
  'Sec-WebSocket-Protocol: pusher, x',
  `Sec-WebSocket-Protocol: ${'p'.repeat(2_000)}`,
  'Sec-WebSocket-Protocol: \u0001\u00ff',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99999999999',
  'Sec-WebSocket-Extensions: ;;;,,,===',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Expect: 100-continue',
  'Origin: null',
  'Origin: https://example.com',
  'Origin: https://example.com:443/x?y',
  'Origin: https://[::1',
  'Origin: https://a.example.org\u00e4',
  `Origin: https://${'a.'.repeat(1_000)}example.org`,
  'Origin: https://\u0000.example.org',
  'Cookie: \u00e4=\u00ff',
  ' folded: x',
  'no colon',
  ': no name',
  `X: ${'y'.repeat(3_000)}`,
  `X: ${'y'.repeat(20_000)}`,
  Array.from({ length: 150 }, (_, at) => `X-${at}: y`).join('\r\n'),
  'X: a\rb',
  'X: a\u0000b',
];
