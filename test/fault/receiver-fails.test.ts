import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openClient } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Two failed attempts of four seconds each, the pause between them and the one after them, and some more. */
const FAILURE_PATIENCE_MS = 15_000;
const RECOVERY_PATIENCE_MS = 15_000;
/** A healthy endpoint hears of something so soon, whatever the others do. */
const SOON_MS = 3_000;
const EVENTS = 30;

const kinds = ['error', 'hang', 'close', 'down', 'healthy'] as const;
type Kind = (typeof kinds)[number];

const receivers = Object.fromEntries(
  await Promise.all(kinds.map(async (kind) => [kind, await startReceiver()] as const)),
) as Readonly<Record<Kind, Awaited<ReturnType<typeof startReceiver>>>>;
const all = Object.values(receivers);
after(() => Promise.all(all.map((each) => each[Symbol.asyncDispose]())));
const channelOf = (kind: Kind): string => `private-${kind}`;
const cluster = await startCluster({
  edges: 1,
  apis: 1,
  workers: 1,
  // So that the worker tells of every attempt: where nobody listens, nobody else can.
  env: { LOG_LEVEL: 'debug' },
  app: {
    limits: { maxClientEventsPerSecond: 1_000 },
    webhooks: kinds.map((kind) => ({
      url: receivers[kind].url,
      channels: { prefix: channelOf(kind) },
    })),
  },
});
after(() => cluster[Symbol.asyncDispose]());
for (const each of all) each.trust(cluster.serverSdk(0));

const titles = (count: number): readonly string[] => [
  'channel_occupied',
  ...Array.from({ length: count }, (_, n) => `client_event client-${n}`),
];

/** Sends in two halves, the second one while the first cannot be delivered; all arrives once it works. */
async function failAndRecover(
  kind: Exclude<Kind, 'healthy'>,
  begin: () => Promise<void> | void,
  hasFailedTwice: () => boolean,
  end: () => Promise<void> | void,
): Promise<void> {
  const [receiver, channel] = [receivers[kind], channelOf(kind)];
  await using socket = await openClient(cluster, 0, [channel]);
  await receiver.storyOf(channel, 1);
  await begin();
  const send = (from: number, to: number): void => {
    for (let n = from; n < to; n += 1) socket.send(`client-${n}`, { n }, channel);
  };
  send(0, EVENTS / 2);
  await eventually(hasFailedTwice, () => `two failed attempts at '${kind}'`, FAILURE_PATIENCE_MS);
  send(EVENTS / 2, EVENTS);
  await socket.untilPong();
  assert.deepEqual(receiver.story(channel), titles(0));
  await end();
  const story = await receiver.storyOf(channel, EVENTS + 1, RECOVERY_PATIENCE_MS);
  assert.deepEqual(story, titles(EVENTS));
  const ids = receiver.accepted(channel).map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
}

/** Fails by what it does with requests, so that they can be looked at. */
async function misbehave(kind: 'error' | 'hang' | 'close'): Promise<void> {
  const receiver = receivers[kind];
  const refused = () => receiver.requests.filter(({ accepted }) => !accepted);
  await failAndRecover(
    kind,
    () => receiver.behave(kind),
    () => refused().length >= 2,
    () => receiver.behave('accept'),
  );
  // The same request until it is taken.
  const [first, second] = refused();
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual([first.attempt, second.attempt], [1, 2]);
  assert.deepEqual([second.body, second.idempotencyKey], [first.body, first.idempotencyKey]);
  const taken = receiver.requests.find(
    ({ accepted, idempotencyKey }) => accepted && idempotencyKey === first.idempotencyKey,
  );
  assert.equal(taken?.body, first.body);
  assert.ok(taken.attempt > 2, `taken at attempt ${taken.attempt}`);
}

describe(
  'a receiver that fails for a while gets everything in order once it works',
  { concurrency: true },
  () => {
    it('[FS5] after answers of 500', () => misbehave('error'));

    it('[FS6] after it took requests and never answered', () => misbehave('hang'));

    it('[FS7] after it closed connections without an answer', () => misbehave('close'));

    it('[FS8] after nobody listened at its address', () =>
      failAndRecover(
        'down',
        () => receivers.down.down(),
        () => /ECONNREFUSED[^\n]*"attempt":2/.test(cluster.workers[0]?.process.output() ?? ''),
        () => receivers.down.up(),
      ));

    it('[FS9] and meanwhile delays no other endpoint', async () => {
      const channel = channelOf('healthy');
      await using socket = await openClient(cluster, 0, [channel]);
      await receivers.healthy.storyOf(channel, 1);
      for (let n = 0; n < 5; n += 1) {
        await eventually(
          () => receivers.error.requests.length > n && receivers.close.requests.length > n,
          () => 'the others do not fail',
          FAILURE_PATIENCE_MS,
        );
        socket.send(`client-${n}`, { n }, channel);
        await receivers.healthy.storyOf(channel, n + 2, SOON_MS);
      }
      assert.deepEqual(receivers.healthy.story(channel), titles(5));
    });
  },
);
