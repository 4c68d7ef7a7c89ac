import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { Inbox } from '../support/inbox.ts';
import { startRedis } from '../support/redis-server.ts';
import { openClient, untilEventsFlow, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Two links that are opened again, and a heartbeat. */
const HEALED_MS = 8_000;
/** Pauses between attempts, of which there were some already. */
const DELIVERY_MS = 20_000;
const EVENTS = 10;

const directory = await mkdtemp(join(tmpdir(), 'fanfare-redis-'));
after(() => rm(directory, { recursive: true, force: true }));
const redis = await startRedis('--appendonly', 'yes', '--dir', directory);
after(() => redis[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: redis.url,
  app: {
    limits: { maxClientEventsPerSecond: 1_000 },
    webhooks: [{ url: receiver.url }],
  },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

/** Redis goes and comes back while clients come and go, and while webhooks wait to be delivered. */
async function restart(how: string, end: () => Promise<unknown>): Promise<void> {
  const [room, left] = [`presence-room-${how}`, `left-${how}`];
  const said = [0, 1, 2, 3].map((n) => `private-said-${how}-${n}`);
  const first = await openClient(cluster, 0, [room, ...said], 'a');
  const second = await openClient(cluster, 1, [room], 'b');
  const leaver = await openClient(cluster, 1, [left]);
  const ones = Object.fromEntries(said.map((channel) => [channel, 1]));
  await untilCounts(sdk, { ...ones, [room]: 2, [left]: 1 });
  await receiver.storyOf(room, 3);
  for (const name of [left, ...said]) await receiver.storyOf(name, 1);
  for (const socket of [first, second]) await socket.untilPong();
  const disturbances = new Inbox<unknown>('what clients noticed');
  for (const socket of [first, second]) void socket.closed.then(disturbances.push);

  receiver.behave('error');
  for (let n = 0; n < EVENTS; n += 1)
    for (const channel of said) first.send(`client-${n}`, {}, channel);
  await first.untilPong();
  // All of them are in Redis once some failed that were said last.
  await eventually(
    () =>
      said.every((channel) =>
        receiver.requests.some(
          ({ accepted, told }) =>
            !accepted && told.some(({ event }) => event['channel'] === channel),
        ),
      ),
    () => 'the receiver was not asked to take what it refuses',
  );
  await end();
  await leaver[Symbol.asyncDispose]();
  assert.deepEqual(await first.untilPong(), []);
  await redis.restart();

  await untilCounts(sdk, { ...ones, [room]: 2, [left]: 0 }, HEALED_MS);
  assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
  for (const edge of cluster.edges) {
    assert.equal(await metric(edge, 'fanfare_state_fences_total'), 0);
    assert.equal(await metric(edge, 'fanfare_state_losses_total'), 0);
  }
  receiver.behave('accept');
  const titles = Array.from({ length: EVENTS }, (_, n) => `client_event client-${n}`);
  for (const channel of said) {
    const story = await receiver.storyOf(channel, EVENTS + 1, DELIVERY_MS);
    assert.deepEqual(story, ['channel_occupied', ...titles], channel);
  }
  assert.deepEqual(await receiver.storyOf(left, 2), ['channel_occupied', 'channel_vacated']);

  await untilEventsFlow(cluster);
  await sdk.trigger(room, 'e', '');
  for (const socket of [first, second])
    assert.deepEqual(
      (await socket.frames.take(1)).map(({ event }) => event),
      ['e'],
    );
  assert.equal(disturbances.size, 0, disturbances.describe());

  // The marker: what had been told as gone would stand before this.
  for (const socket of [first, second]) await socket[Symbol.asyncDispose]();
  for (const channel of said)
    assert.equal((await receiver.storyOf(channel, EVENTS + 2)).at(-1), 'channel_vacated');
  assert.deepEqual((await receiver.storyOf(room, 6)).slice(3).toSorted(), [
    'channel_vacated',
    'member_removed a',
    'member_removed b',
  ]);
  assert.equal(receiver.story(left).length, 2);
  const ids = receiver.accepted().map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
}

describe('a Redis that writes down what it does and is restarted', () => {
  it('[FS16] by a command: counts are right again at once, nothing is told as gone, and what waited is told once and in order', () =>
    restart('stopped', () => redis.say('SHUTDOWN NOSAVE')));

  it('[FS17] after it was killed: the same', () => restart('killed', () => redis.kill()));
});
