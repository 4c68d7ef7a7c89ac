import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import PusherServer from 'pusher';
import { startCluster, type Member } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { runFanfare } from '../fanfare.ts';
import { Inbox } from '../support/inbox.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { ask, openClient, subscription, untilCounts, untilEventsFlow, usersOf } from '../truth.ts';
import { openRawSocket } from '../raw-socket.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** A heartbeat, and links that are opened again. */
const HEALED_MS = 8_000;
/** After so much of an outage a process says that it is not ready. */
const GRACE_MS = 10_000;

const [bus, state] = [await startRedis(), await startRedis()];
after(() => bus[Symbol.asyncDispose]());
after(() => state[Symbol.asyncDispose]());
const [toBus, toState] = [await startProxy(bus.port), await startProxy(state.port)];
after(() => toBus[Symbol.asyncDispose]());
after(() => toState[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const stateUrl = `redis://127.0.0.1:${toState.port}`;
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: `redis://127.0.0.1:${toBus.port}`,
  env: { REDIS_STATE_URL: stateUrl },
  app: { webhooks: [{ url: receiver.url }] },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

const served = [...cluster.edges, ...cluster.apis];

async function readiness({
  opsUrl,
}: Pick<Member, 'opsUrl'>): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${opsUrl}/readyz`);
  return { status: response.status, ...((await response.json()) as object) };
}

async function untilReadiness(
  member: Pick<Member, 'opsUrl'>,
  fits: (said: Readonly<Record<string, unknown>>) => boolean,
  patienceMs?: number,
): Promise<void> {
  let said: Readonly<Record<string, unknown>> = {};
  await eventually(
    async () => {
      said = await readiness(member);
      return fits(said);
    },
    () => `/readyz says ${JSON.stringify(said)}`,
    patienceMs,
  );
}

async function expectUnavailable(call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof PusherServer.RequestError, String(error));
    assert.equal(error.status, 503, error.body);
    return true;
  });
}

/** The kinds of keys that a Redis holds: what stands behind the tag of the partition. */
async function kindsIn(port: number): Promise<readonly string[]> {
  const client = new Redis(port, '127.0.0.1');
  try {
    const keys = await client.keys('*');
    return [...new Set(keys.map((key) => /^\{[^}]*\}:([^:]*)/.exec(key)?.[1] ?? key))].toSorted();
  } finally {
    client.disconnect();
  }
}

describe('a cluster with one Redis for events and another for its state', () => {
  it('[RD23] keeps in each what belongs there, apps with the state', async () => {
    await using client = await openClient(cluster, 0, ['presence-kept', 'cache-kept'], 'a');
    await untilCounts(sdk, { 'presence-kept': 1, 'cache-kept': 1 });
    await sdk.trigger('cache-kept', 'e', 'kept');
    await client.frames.takeUntil(({ event }) => event === 'e');
    assert.deepEqual(await kindsIn(bus.port), ['c', 'fanfare:layout', 'h']);
    const inState = await kindsIn(state.port);
    for (const kind of ['counts', 'lease', 'm', 'meta', 'fanfare:layout'])
      assert.ok(inState.includes(kind), `${kind} is not in ${inState.join()}`);
    for (const kind of ['h', 'c']) assert.ok(!inState.includes(kind), `${kind} is in the state`);

    const env = { REDIS_URL: bus.url, REDIS_STATE_URL: state.url };
    const done = await runFanfare(['apps', 'add', '--id', '77'], { env });
    assert.equal(done.code, 0, done.text);
    assert.ok((await kindsIn(state.port)).includes('registry'));
    assert.deepEqual(await kindsIn(bus.port), ['c', 'fanfare:layout', 'h']);
  });

  it('[RD24] goes on with events while the state is away; questions get 503, and counts are right afterwards', async () => {
    const room = 'presence-stateless';
    const clients = [
      await openClient(cluster, 0, [room, 'talk'], 'a'),
      await openClient(cluster, 1, [room, 'talk'], 'b'),
    ];
    const leaver = await openClient(cluster, 1, ['left']);
    const disturbances = new Inbox<unknown>('what clients noticed');
    for (const socket of clients) void socket.closed.then(disturbances.push);
    await untilCounts(sdk, { [room]: 2, talk: 2, left: 1 });
    await receiver.storyOf('left', 1);
    for (const socket of clients) await socket.untilPong();

    toState.cut();
    await untilReadiness(served[0] ?? assert.fail(), ({ warnings }) => warnings !== undefined);
    for (const member of served)
      await untilReadiness(member, (said) => {
        assert.equal(said['status'], 200);
        assert.deepEqual(said['reasons'], []);
        return String(said['warnings']) === 'the state of the cluster is away';
      });
    for (let n = 0; n < 20; n += 1) await sdk.trigger('talk', 'e', String(n));
    for (const socket of clients) {
      const frames = await socket.frames.take(20);
      assert.deepEqual(
        frames.map(({ data }) => data),
        Array.from({ length: 20 }, (_, n) => String(n)),
      );
    }
    await expectUnavailable(ask(sdk, '/channels/talk', { info: 'subscription_count' }));
    await expectUnavailable(usersOf(sdk, room));
    await leaver[Symbol.asyncDispose]();
    const late = await openRawSocket(cluster.edgeUrl(0));
    await late.subscribe('talk');
    late.send('pusher:subscribe', subscription(sdk, late.id, room, 'c'));
    await sdk.trigger('talk', 'e', 'for the late one');
    // It stands where the confirmation of the room would stand.
    assert.equal((await late.frames.next()).event, 'e');

    toState.heal();
    assert.equal((await late.frames.next()).event, 'pusher_internal:subscription_succeeded');
    await untilCounts(sdk, { [room]: 3, talk: 3, left: 0 }, HEALED_MS);
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b', 'c']);
    for (const member of served)
      await untilReadiness(member, ({ warnings }) => warnings === undefined);
    assert.equal(disturbances.size, 0, disturbances.describe());
    for (const socket of [...clients, late]) await socket[Symbol.asyncDispose]();
    assert.deepEqual(await receiver.storyOf('left', 2, 20_000), [
      'channel_occupied',
      'channel_vacated',
    ]);
  });

  it('[RD25] counts, lists and tells of members while the bus is away; triggers get 503, and events flow afterwards', async () => {
    const room = 'presence-silent';
    const stays = await openClient(cluster, 0, [room, 'quiet'], 'a');
    const goes = await openClient(cluster, 1, [room, 'quiet'], 'b');
    const disturbances = new Inbox<unknown>('what clients noticed');
    void stays.closed.then(disturbances.push);
    await untilCounts(sdk, { [room]: 2, quiet: 2 });
    await stays.untilPong();

    toBus.cut();
    const cutMs = performance.now();
    await eventually(
      async () =>
        sdk.trigger('quiet', 'e', 'lost').then(
          () => false,
          (error: unknown) => error instanceof PusherServer.RequestError && error.status === 503,
        ),
      () => 'triggers are taken without a bus',
    );
    await goes[Symbol.asyncDispose]();
    await untilCounts(sdk, { [room]: 1, quiet: 1 });
    assert.deepEqual(await usersOf(sdk, room), ['a']);
    const told = await stays.frames.takeUntil(({ event }) => event !== 'e');
    assert.equal(told.at(-1)?.event, 'pusher_internal:member_removed');
    for (const member of served) {
      await untilReadiness(member, ({ status }) => status === 503, GRACE_MS + 5_000);
      assert.deepEqual(await readiness(member), {
        status: 503,
        ready: false,
        reasons: ['the message bus is away'],
      });
    }
    assert.ok(performance.now() - cutMs >= GRACE_MS, 'readiness did not wait');

    toBus.heal();
    await untilEventsFlow(cluster);
    for (const member of served) await untilReadiness(member, ({ status }) => status === 200);
    await sdk.trigger('quiet', 'e', 'heard');
    await stays.frames.takeUntil(({ data }) => data === 'heard');
    assert.equal(disturbances.size, 0, disturbances.describe());
    await stays[Symbol.asyncDispose]();
  });
});
