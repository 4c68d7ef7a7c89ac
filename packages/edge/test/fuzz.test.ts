import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { App } from '@fanfare/core';
import { OPCODES, RawClient, textOf, wsFrame, type Client, type Frame } from './client.ts';
import {
  apps,
  authFor,
  startTestEdge,
  type EdgeUnderTest,
  keyOf,
  memoryState,
  type StateOfTest,
} from './edge-under-test.ts';
import { within } from './inbox.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

const ATTACKERS = 8;
const LIVES = 14;
const ACTIONS = 30;
const CHANNELS = ['lobby', 'private-room'] as const;
/** The channel in which attackers are members themselves. */
const OWN = 'private-attack';
const ROOM = 'presence-room';

describe('Whatever clients send', () => {
  for (const seed of seeds()) {
    it(`[FR8] harms nobody else (seed ${seed})`, async (test) => {
      const chance = showSeed(test, seed);
      const state = memoryState();
      await using edge = await startTestEdge({ state });
      await using ours = await watcher(edge, apps.main);
      await using theirs = await watcher(edge, apps.other);
      const published = new Map<App, string[]>([apps.main, apps.other].map((app) => [app, []]));
      const publish = async (): Promise<void> => {
        for (const [app, frames] of published)
          for (const name of CHANNELS) frames.push(await edge.trigger(name, { app }));
      };
      const attackers = Array.from({ length: ATTACKERS }, (_, index) =>
        index % 4 === 3 ? attackRaw(edge, chance, publish) : attack(edge, chance, publish),
      );
      const answers = (await Promise.all(attackers)).flat();

      assert.deepEqual(edge.defects, []);
      await edge.until(({ connections }) => connections === 2, 'the attackers have left');
      await edge.until(({ channels }) => channels === 4, 'nothing of theirs is left');
      assert.equal(edge.counters.subscriptions, 4);
      await within(vacated(state, ROOM), 'their members are still in');
      for (const [client, app] of [
        [ours, apps.main],
        [theirs, apps.other],
      ] as const)
        await assertGot(client, published.get(app) ?? []);
      test.diagnostic(`${answers.length} answers, ${edge.counters.framesIn} frames`);
      assert.ok(answers.length > 500, 'the attackers were heard');
      for (const answer of answers) assertFrame(answer);
    });
  }
});

async function vacated({ store }: StateOfTest, name: string): Promise<void> {
  while ((await store.roster(keyOf(name))).members.length > 0) await turn();
}

async function watcher(edge: EdgeUnderTest, app: App): Promise<Client> {
  const client = await edge.connect(app);
  for (const name of CHANNELS) await client.join(name, authFor(client.id, name, { app }));
  return client;
}

/** Exactly its events: each channel's in their order, and not a frame beside them. */
async function assertGot(client: Client, expected: readonly string[]): Promise<void> {
  const got = await client.inbox.take(expected.length);
  for (const name of CHANNELS) {
    const of = (frames: readonly string[]): readonly string[] =>
      frames.filter((frame) => frame.includes(`"channel":"${name}"`));
    assert.deepEqual(of(got), of(expected));
  }
  await client.nothingBefore('a watcher gets nothing but its events');
}

/** What every frame to a client looks like, whatever it answers. */
function assertFrame(text: string): void {
  const { event, data, channel, ...more } = JSON.parse(text) as Frame;
  assert.equal(typeof event, 'string');
  if (channel === ROOM && event.startsWith('client-'))
    assert.match(JSON.stringify(more), /^\{"user_id":"[1u]"\}$/);
  else assert.deepEqual(more, {});
  if (channel !== undefined) assert.equal(typeof channel, 'string');
  if (event !== 'pusher:error') {
    assert.equal(typeof data, 'string', text);
    return;
  }
  const { code, message } = data as { code: unknown; message: unknown };
  assert.ok(code === null || typeof code === 'number', text);
  assert.ok(typeof message === 'string' && message.length < 1000, text);
}

/** One attacker's lives over an ordinary client; resolves with all that it was answered. */
async function attack(
  edge: EdgeUnderTest,
  chance: Chance,
  publish: () => Promise<void>,
): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let life = 0; life < LIVES; life += 1) {
    const client = await edge.connect();
    client.socket.on('message', (data) => answers.push(textOf(data)));
    if (chance.below(3) > 0) client.subscribe(OWN, authFor(client.id, OWN));
    for (let action = 0; action < ACTIONS; action += 1) {
      act(client, chance);
      if (chance.below(4) > 0) continue;
      await publish();
      await turn();
    }
    if (chance.below(2) === 0) await heard(client);
    if (chance.below(2) === 0) client.socket.close();
    else client.socket.terminate();
    await client.closedWith();
  }
  return answers;
}

/** Resolves when the edge has read everything, or has had enough. */
async function heard(client: Client): Promise<void> {
  const answered = once(client.socket, 'pong');
  if (client.socket.readyState === client.socket.OPEN) client.socket.ping();
  await within(Promise.race([answered, client.closed]), 'waited for an answer or a close');
}

function act(client: Client, chance: Chance): void {
  const { socket } = client;
  const frame = (): string => mutated(chance.of(corpus(client, chance)), chance);
  switch (chance.below(9)) {
    case 0:
      return socket.send(chance.bytes(chance.below(200)), { binary: true });
    case 1:
      // As text; where it is not UTF-8 the socket is lost.
      return socket.send(ascii(chance, chance.below(300)));
    case 2:
      return chance.below(20) === 0
        ? socket.send(chance.bytes(20), { binary: false })
        : socket.ping(chance.bytes(chance.below(126)));
    case 3:
      return socket.send(chance.of(ODDITIES));
    case 4:
      return socket.send(JSON.stringify(oddFrame(chance)));
    case 5: {
      const parts = Array.from({ length: 2 + chance.below(4) }, frame);
      for (const [index, part] of parts.entries()) {
        socket.send(part, { fin: index === parts.length - 1 });
        if (chance.below(3) === 0) socket.ping('between');
      }
      return undefined;
    }
    case 6:
      if (chance.below(10) > 0) return socket.send(chance.of(corpus(client, chance)));
      return socket.send(`{"event":"${'x'.repeat(65_500 + chance.below(40))}"}`);
    default:
      return socket.send(frame());
  }
}

/** One attacker's lives below the WebSocket protocol. */
async function attackRaw(
  edge: EdgeUnderTest,
  chance: Chance,
  publish: () => Promise<void>,
): Promise<readonly string[]> {
  for (let life = 0; life < LIVES; life += 1) {
    await using raw = await RawClient.open(edge.edge.port, '/app/main-key?protocol=7');
    raw.socket.resume();
    for (let action = 0; action < ACTIONS && !raw.socket.destroyed; action += 1) {
      const text = chance.of(corpus({ id: '1.1' }, chance));
      const whole = wsFrame(text, chance.of(Object.values(OPCODES)), chance.below(4) > 0);
      const bytes = chance.below(5) > 0 ? whole : mutatedBytes(whole, chance);
      raw.write(chance.below(10) === 0 ? bytes.subarray(0, chance.below(bytes.length)) : bytes);
      if (chance.below(4) > 0) continue;
      await publish();
      await turn();
    }
    if (chance.below(2) === 0) raw.socket.resetAndDestroy();
  }
  return [];
}

/** Frames as well-behaved clients send them. */
function corpus({ id }: { readonly id: string }, chance: Chance): readonly string[] {
  const channel = chance.of(['lobby', OWN, 'private-room', ROOM, 'cache-x', 'room-7']);
  const channelData = JSON.stringify(
    chance.of<unknown>([
      { user_id: 1 },
      { user_id: 'u', user_info: { a: [] } },
      { user_id: [] },
      1,
    ]),
  );
  return [
    encoded('pusher:ping', { data: {} }),
    encoded('pusher:pong', {}),
    encoded('pusher:subscribe', { data: { channel } }),
    encoded('pusher:subscribe', { data: { channel: OWN, ...authFor(id, OWN) } }),
    encoded('pusher:subscribe', { data: JSON.stringify({ channel, auth: 'main-key:0' }) }),
    encoded('pusher:subscribe', { data: { channel, auth: 'x', channel_data: '{"user_id":"1"}' } }),
    encoded('pusher:subscribe', { data: { channel: ROOM, ...authFor(id, ROOM, { channelData }) } }),
    encoded('pusher:unsubscribe', { data: { channel } }),
    encoded('pusher:unsubscribe', { data: { channel: ROOM } }),
    encoded('pusher:signin', { data: { auth: 'main-key:0', user_data: '{"id":"1"}' } }),
    encoded('client-attack', { channel, data: { some: ['data', 1, null] } }),
    encoded('client-attack', { channel: OWN, data: 'text' }),
    encoded('client-attack', { channel: ROOM, data: 'text' }),
  ];
}

function encoded(event: string, rest: object): string {
  return JSON.stringify({ event, ...rest });
}

const ODDITIES: readonly string[] = [
  '',
  '{',
  '{}',
  '[]',
  'null',
  '"\\ud800"',
  '{"event":"pusher:subscribe","data":{"channel":"\\ud800"}}',
  '{"event":"\\udfff"}',
  '{"event":"client-\\ud83d","channel":"private-attack","data":"\\ud83d"}',
  '{"event":"pusher:subscribe","event":"pusher:ping"}',
  '{"__proto__":{"event":"pusher:ping"},"constructor":1}',
  '{"event":"pusher:subscribe","data":{"__proto__":{"channel":"lobby"}}}',
  '{"event":"pusher:subscribe","data":{"channel":"lobby\\u0000"}}',
  '{"event":"pusher:subscribe","data":"{\\"channel\\":\\"lobby\\"}"}',
  '{"event":"pusher:subscribe","data":1e400}',
  `{"event":"client-deep","channel":"${OWN}","data":${'[{"a":'.repeat(5000)}1${'}]'.repeat(5000)}}`,
  '['.repeat(60_000),
  `{"event":"${'\\u0000'.repeat(300)}"}`,
  `{"event":"client-${'😀'.repeat(150)}","channel":"${OWN}","data":1}`,
];

function oddFrame(chance: Chance): unknown {
  const value = (depth: number): unknown => {
    const kind = chance.below(depth > 3 ? 7 : 9);
    if (kind === 7) return Array.from({ length: chance.below(4) }, () => value(depth + 1));
    if (kind === 8) return { channel: value(depth + 1), auth: value(depth + 1) };
    return [null, true, -0.5, 2 ** 60, '', 'lobby', OWN][kind];
  };
  const names = ['pusher:subscribe', 'pusher:unsubscribe', 'client-x', 'pusher:signin', 'pusher:x'];
  const event = chance.below(5) === 0 ? value(0) : chance.of(names);
  return { event, data: value(0), channel: value(0), more: value(0) };
}

function mutated(text: string, chance: Chance): string {
  let result = text;
  for (let times = chance.below(5); times > 0; times -= 1) {
    const at = chance.below(result.length + 1);
    const to = Math.min(result.length, at + chance.below(6));
    const put = chance.of([
      '',
      '"',
      '{',
      '}',
      ',',
      ':',
      '\\',
      '\u0000',
      'é',
      ascii(chance, 3),
      text,
    ]);
    result = result.slice(0, at) + put + result.slice(to);
  }
  return result;
}

function mutatedBytes(bytes: Buffer, chance: Chance): Buffer {
  const result = Buffer.from(bytes);
  // The first two carry the opcode and the length.
  const at = chance.below(2) === 0 ? chance.below(2) : chance.below(result.length);
  result[at] = chance.below(256);
  return result;
}

function ascii(chance: Chance, length: number): string {
  return chance
    .bytes(length)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '?');
}
