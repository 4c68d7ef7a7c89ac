import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fixedSeeds } from '../../../test/support/seeded.ts';
import { httpErrors } from '../src/index.ts';
import { fuzzRequest, randomOf, type Random } from './fuzz-requests.ts';
import { harness, SECRET, sendTo, signed, type Harness } from './harness.ts';
import { stateWith } from './memory-state.ts';
import { openRaw, within, type RawClient } from './raw-client.ts';
import { start } from './server-under-test.ts';

const SEEDS = 2;
const ROUNDS = 250;
const OCCUPIED = { 'presence-a': { sockets: 2, users: { '1': 2 } }, lobby: { sockets: 1 } };
const STATUSES: ReadonlySet<number> = new Set(
  Object.values(httpErrors)
    .map(({ status }) => status)
    .filter((status) => status !== 500),
);

/** What an answer has to be, whatever was asked. */
function assertFit(status: number, type: string, text: string, told: string): void {
  const shown = `${told}\nwas answered ${status} ${type}: ${text.slice(0, 500)}`;
  assert.ok(!text.includes(SECRET), shown);
  if (status === 200) {
    assert.equal(type, 'application/json', shown);
    assert.ok(text.startsWith('{'), shown);
    assert.doesNotThrow(() => JSON.parse(text), shown);
    return;
  }
  assert.ok(STATUSES.has(status), shown);
  assert.match(type, /^text\/plain(; charset=utf-8)?$/i, shown);
  assert.match(text, /^[^\n]+\n$/, shown);
}

/** A trigger, a batch and a termination publish once each when they are answered 200. */
function assertPublished({ published, answered, defects }: Harness, told: string): void {
  const done = answered.filter((each) => /(events|terminate_connections) 200$/.test(each));
  assert.equal(published.length, done.length, told);
  assert.deepEqual(defects, [], told);
}

describe('bytes of any kind', () => {
  for (const seed of fixedSeeds(SEEDS)) {
    it(`[FZ10] are answered in HTTP from the catalogue, or the connection ends; nothing is published for what is refused (seed ${seed})`, async (test) => {
      const random = randomOf(seed);
      const api = harness({ state: await stateWith(OCCUPIED) });
      await using server = await start(api);
      const counts = new Map<number, number>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const bytes = fuzzBytes(random);
        const told = `FUZZ_SEED=${seed}, round ${round}: ${bytes.toString('latin1').slice(0, 2000)}`;
        const answers = answersIn(await exchange(server.port, bytes, random, told), told);
        for (const { status, type, text } of answers) {
          assertFit(status, type, text, told);
          counts.set(status, (counts.get(status) ?? 0) + 1);
        }
        assertPublished(api, told);
      }
      test.diagnostic([...counts].map(([status, times]) => `${status}: ${times}`).join(', '));
      for (const status of [200, 400, 401, 404]) assert.ok(counts.has(status), `no ${status}`);
    });

    it(`[FZ11] leave a connection that stays open in step: the next request has its own answer (seed ${seed})`, async () => {
      const random = randomOf(seed);
      const api = harness({ state: await stateWith(OCCUPIED) });
      await using server = await start(api);
      let client: RawClient | undefined;
      let inStep = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const request = fuzzRequest(random);
        const told = `FUZZ_SEED=${seed}, round ${round}: ${request.toString('latin1').slice(0, 2000)}`;
        client ??= await openRaw(server.port);
        client.write(Buffer.concat([request, markerOf(round)]));
        const { status, headers, text } = await client.answer();
        assertFit(status, headers.get('content-type') ?? '', text, told);
        if (headers.get('connection') === 'close') {
          client.destroy();
          client = undefined;
          continue;
        }
        const next = await client.answer();
        assert.ok(
          next.text.includes(`"mark ${round}"`),
          `${told}\nthen ${next.status} ${next.text}`,
        );
        inStep += 1;
      }
      client?.destroy();
      assert.ok(inStep > ROUNDS / 2, `only ${inStep} connections stayed`);
    });

    it(`[FZ12] no method, path, query, header or body makes the app itself fail (seed ${seed})`, async () => {
      const random = randomOf(seed);
      const api = harness({ state: await stateWith(OCCUPIED) });
      for (let round = 0; round < ROUNDS; round += 1) {
        const text = fuzzRequest(random).toString('latin1');
        const [line = '', ...rest] = text.split('\r\n');
        const [method = '', target = ''] = line.split(' ');
        const told = `FUZZ_SEED=${seed}, round ${round}: ${line.slice(0, 2000)}`;
        if (
          !target.startsWith('/') ||
          target.startsWith('//') ||
          !/^(GET|POST|PUT|DELETE|PATCH|OPTIONS)$/.test(method)
        )
          continue;
        const body =
          method === 'GET'
            ? ''
            : Buffer.from(rest.slice(rest.indexOf('') + 1).join('\r\n'), 'latin1');
        const { status, headers, text: answer } = await sendTo(api.app, target, method, body);
        assertFit(status, headers.get('content-type') ?? '', answer, told);
        assertPublished(api, told);
      }
    });
  }
});

/** Asks what is refused in words that only this request has. */
function markerOf(round: number): Buffer {
  const path = `/apps/3/channels/mark ${round}`;
  const target = signed({ method: 'GET', path, sentPath: encodeURI(path) });
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
}

/** Some requests one after the other, and what a caller may make of their bytes. */
function fuzzBytes(random: Random): Buffer {
  const parts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => fuzzRequest(random));
  if (random() < 0.2) parts.splice(Math.floor(random() * parts.length), 0, pick(random, JUNK));
  const bytes = Buffer.concat(parts);
  if (random() < 0.3) return bytes.subarray(0, Math.floor(random() * bytes.length));
  if (random() < 0.6) return bytes;
  // Mostly in the head, where a byte may change what all the others mean.
  for (let times = 1 + Math.floor(random() * 4); times > 0; times -= 1)
    bytes[Math.floor(random() * random() * bytes.length)] = Math.floor(random() * 256);
  return bytes;
}

const JUNK = [
  '\r\n\r\n',
  '\u0000'.repeat(100),
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET / HTTP/0.9\r\n\r\n',
  'GET /\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  'POST /apps/3/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /apps/3/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /apps/3/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  'POST /apps/3/events HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
  'POST /apps/3/events HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
  'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /apps/3/channels HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
  'GET /apps/3/channels HTTP/1.1\nHost: x\n\n',
  `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
  'GET /apps/3/channels HTTP/1.1\r\n folded: x\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));

function pick<T>(random: Random, values: readonly T[]): T {
  return values.at(Math.floor(random() * values.length)) as T;
}

/** Sends everything, says that no more will come, and resolves with all that came back. */
async function exchange(
  port: number,
  bytes: Buffer,
  random: Random,
  told: string,
): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  // The server may close with something of ours unread.
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', () => socket.destroy());
  const closed = once(socket, 'close');
  const cut = random() < 0.3 ? Math.floor(random() * bytes.length) : 0;
  socket.write(bytes.subarray(0, cut));
  if (cut > 0) await turn();
  if (!socket.destroyed) socket.end(bytes.subarray(cut));
  await within(closed, `the end of the connection after ${told}`);
  return Buffer.concat(chunks);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Every byte belongs to an answer whose length is known. */
function answersIn(bytes: Buffer, told: string): readonly Answer[] {
  const answers: Answer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.toString('latin1', 0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    assert.ok(end >= 0 && status >= 100, `${told}\nwas answered ${rest.toString('latin1')}`);
    const length = status < 200 ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
    const next = end + 4 + length;
    assert.ok(rest.length >= next, `${told}\nwas answered in part: ${rest.toString('latin1')}`);
    const type = /^content-type: (.*)$/im.exec(head)?.[1] ?? '';
    if (status >= 200) answers.push({ status, type, text: rest.toString('utf8', end + 4, next) });
    rest = rest.subarray(next);
  }
  return answers;
}
