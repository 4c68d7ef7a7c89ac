import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeReasons, eventFrame } from '@fanfare/protocol';
import { RawClient, wsFrame, type Client } from './client.ts';
import {
  apps,
  authFor,
  channel,
  keyOf,
  startTestEdge,
  type EdgeUnderTest,
} from './edge-under-test.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

const LISTENER = { maxBackpressureBytes: 65_536 };
const FILLER = 'x'.repeat(10_000);
const app = apps.lossy;

/** Publishes numbered events, and knows the last number of each name on each channel. */
class Source {
  readonly last = new Map<string, number>();
  readonly #edge: EdgeUnderTest;
  #count = 0;

  constructor(edge: EdgeUnderTest) {
    this.#edge = edge;
  }

  async publish(
    name: string,
    event: string,
    filler = '',
    except: string | null = null,
  ): Promise<void> {
    this.#count += 1;
    const place = `${name}/${event}`;
    this.last.set(place, this.#count);
    const frame = eventFrame(channel(name), event, `#${place}/${this.#count}#${filler}`);
    const to = { channel: keyOf(name, app), frame, except: except as never };
    await this.#edge.publisher.publish([
      { ...to, id: `s${this.#count}`, recorded: true, once: false },
    ]);
  }

  /** Until the edge has found the socket slow, or has closed it. */
  async fill(name: string): Promise<void> {
    const { counters } = this.#edge;
    const { slowHeld, slowClosed } = counters;
    for (
      let count = 0;
      counters.slowHeld === slowHeld && counters.slowClosed === slowClosed;
      count += 1
    ) {
      assert.ok(count < 6_400, 'more than 64 MB wait for a socket that reads nothing');
      await this.publish(name, 'fill', FILLER);
      if (count % 3 === 0) await nextTurn();
    }
  }
}

/** The numbers that came, by channel and event. */
function numbersIn(text: string): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const [, place = '', number] of text.matchAll(/#([\w-]+\/\w+)\/(\d+)#/g))
    numbers.set(place, [...(numbers.get(place) ?? []), Number(number)]);
  return numbers;
}

function join(user: number, socketId: string): object {
  const channelData = JSON.stringify({ user_id: `u${user}` });
  const signed = authFor(socketId, 'presence-room', { app, channelData });
  return { channel: 'presence-room', ...signed };
}

async function openStuck(edge: EdgeUnderTest, ...channels: readonly string[]): Promise<RawClient> {
  const { subscriptions } = edge.counters;
  const client = await RawClient.open(edge.edge.port, '/app/lossy-key');
  for (const name of channels)
    client.write(wsFrame(JSON.stringify({ event: 'pusher:subscribe', data: { channel: name } })));
  await edge.until(
    (now) => now.subscriptions === subscriptions + channels.length,
    'it is subscribed',
  );
  return client;
}

describe('A slow socket of an app that wants the latest', () => {
  it('[SL4] stays, gets the newest of each name and channel in order, and then what follows', async () => {
    await using edge = await startTestEdge({ listener: LISTENER });
    const source = new Source(edge);
    await using neighbour = await edge.connect(app);
    await neighbour.join('room');
    await using stuck = await openStuck(edge, 'lobby', 'room');
    await source.fill('lobby');
    assert.deepEqual([edge.counters.slowHeld, edge.counters.slowClosed], [1, 0]);
    for (let count = 0; count < 50; count += 1) {
      await source.publish('lobby', 'a');
      await source.publish('lobby', 'b');
      await source.publish('room', 'a');
      await neighbour.next();
    }
    await source.publish('lobby', 'a');
    const held = `#lobby/a/${source.last.get('lobby/a')}#`;
    const read = await stuck.textUntil(held);
    const numbers = numbersIn(read);
    for (const place of ['lobby/a', 'lobby/b', 'room/a'])
      assert.deepEqual(numbers.get(place), [source.last.get(place)], place);
    assert.equal(numbers.get('lobby/fill')?.at(-1), source.last.get('lobby/fill'));
    assertRising(read);
    assert.ok(read.lastIndexOf('#lobby/b/') < read.lastIndexOf('#lobby/a/'), 'in their order');
    assert.equal(edge.counters.eventsSkipped > 100, true);
    await source.publish('lobby', 'c');
    await source.publish('room', 'c');
    const next = await stuck.textUntil(`#room/c/${source.last.get('room/c')}#`);
    assert.deepEqual([...numbersIn(next).keys()], ['lobby/c', 'room/c'], 'all that follows');
  });

  it('[SL4] misses nothing of what Fanfare itself says', async () => {
    await using edge = await startTestEdge({ listener: LISTENER });
    const source = new Source(edge);
    await using stuck = await RawClient.open(edge.edge.port, '/app/lossy-key');
    const id =
      /socket_id\\":\\"([\d.]+)/.exec(await stuck.textUntil('activity_timeout'))?.[1] ?? '';
    stuck.write(wsFrame(JSON.stringify({ event: 'pusher:subscribe', data: join(0, id) })));
    await stuck.textUntil('subscription_succeeded');
    await source.fill('presence-room');
    const others: Client[] = [];
    for (let user = 1; user <= 5; user += 1) {
      const other = await edge.connect(app);
      others.push(other);
      other.subscribe('presence-room', join(user, other.id));
      await other.next();
    }
    await source.publish('presence-room', 'end');
    const read = await stuck.textUntil('#presence-room/end/');
    const told = [...read.matchAll(/member_added[^}]*?(u\d)/g)].map(([, user]) => user);
    assert.deepEqual(told, ['u1', 'u2', 'u3', 'u4', 'u5']);
    for (const other of others) await other[Symbol.asyncDispose]();
  });

  it('[SL5] is closed with 4100 when more would have to be held than may be', async () => {
    const latest = { heldFrames: 10, heldBytes: 1_000_000 };
    await using edge = await startTestEdge({ listener: LISTENER, edge: { latest } });
    const source = new Source(edge);
    await using stuck = await openStuck(edge, 'lobby');
    await source.fill('lobby');
    for (let count = 0; edge.counters.connections === 1; count += 1) {
      assert.ok(count < 100, 'it holds more than it may');
      await source.publish('lobby', `e${count}`);
      await nextTurn();
    }
    await stuck.textUntil(`\u0010\u0004${closeReasons.slowConsumer.message}`);
  });

  it('[SL5] is closed with 4100 when what was sent to it alone was lost', async () => {
    await using edge = await startTestEdge({ listener: LISTENER });
    const source = new Source(edge);
    await using stuck = await openStuck(edge, 'lobby');
    await source.fill('lobby');
    stuck.write(wsFrame('{"event":"pusher:ping"}'));
    await edge.until(({ connections }) => connections === 0, 'it is closed');
    assert.equal(edge.counters.slowClosed, 1);
    await stuck.textUntil(`\u0010\u0004${closeReasons.slowConsumer.message}`);
  });

  it('[SL6] gets nothing of what it unsubscribed from meanwhile, and its own are skipped', async () => {
    await using edge = await startTestEdge({ listener: LISTENER });
    const source = new Source(edge);
    await using neighbour = await edge.connect(app);
    await neighbour.join('room');
    await using stuck = await RawClient.open(edge.edge.port, '/app/lossy-key');
    const id =
      /socket_id\\":\\"([\d.]+)/.exec(await stuck.textUntil('activity_timeout'))?.[1] ?? '';
    for (const name of ['lobby', 'room', 'gone'])
      stuck.write(wsFrame(JSON.stringify({ event: 'pusher:subscribe', data: { channel: name } })));
    await edge.until(({ subscriptions }) => subscriptions === 4, 'it is subscribed');
    await source.fill('lobby');
    await source.publish('gone', 'a');
    stuck.write(wsFrame('{"event":"pusher:unsubscribe","data":{"channel":"gone"}}'));
    await edge.until(({ subscriptions }) => subscriptions === 3, 'it is unsubscribed');
    await source.publish('room', 'own', '', id);
    assert.match(await neighbour.next(), /#room\/own\//, 'the others have it');
    await source.publish('lobby', 'end');
    const end = `#lobby/end/${source.last.get('lobby/end')}#`;
    const places = [...numbersIn(await stuck.textUntil(end)).keys()];
    assert.deepEqual(places, ['lobby/fill', 'lobby/end']);
  });

  for (const seed of seeds())
    it('[SL4] whatever is published and however it reads: nothing twice or out of order, the newest at last', async (t) => {
      const chance = showSeed(t, seed);
      let stayed = 0;
      for (let round = 0; round < 8; round += 1) stayed += await playRound(chance);
      t.diagnostic(`${stayed} of 8 sockets were slow and stayed`);
      assert.ok(stayed >= 4, 'too few were slow and stayed');
    });
});

const CHANNELS = ['room-0', 'room-1', 'room-2'] as const;

/** One socket that reads by fits and starts. Returns 1 if it was slow and is open in the end. */
async function playRound(chance: Chance): Promise<0 | 1> {
  await using edge = await startTestEdge({ listener: LISTENER });
  const source = new Source(edge);
  await using stuck = await openStuck(edge, ...CHANNELS);
  let text = '';
  stuck.socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
  });
  stuck.socket.pause();
  for (let step = 0; step < 400; step += 1) {
    for (let left = chance.below(40); left >= 0; left -= 1)
      await source.publish(
        chance.of(CHANNELS),
        `e${chance.below(4)}`,
        FILLER.slice(0, chance.below(6_000)),
      );
    if (chance.below(60) === 0) stuck.socket.resume();
    if (chance.below(2) === 0) stuck.socket.pause();
    await nextTurn();
  }
  await source.publish('room-0', 'end');
  stuck.socket.resume();
  while (!text.slice(-20_000).includes('#room-0/end/') && edge.counters.connections > 0)
    await nextTurn();
  assertRising(text);
  // Where it cannot be told what it got it is closed.
  if (edge.counters.connections === 0) return 0;
  const numbers = numbersIn(text);
  for (const [place, last] of source.last) assert.equal(numbers.get(place)?.at(-1), last, place);
  return edge.counters.slowHeld > 0 ? 1 : 0;
}

/** Of each channel the numbers only grow, so that nothing came twice or behind what is newer. */
function assertRising(text: string): void {
  const numbers = new Map<string, number>();
  for (const [, name = '', number] of text.matchAll(/#([\w-]+)\/\w+\/(\d+)#/g)) {
    assert.ok(Number(number) > (numbers.get(name) ?? 0), `${number} on ${name}`);
    numbers.set(name, Number(number));
  }
}
