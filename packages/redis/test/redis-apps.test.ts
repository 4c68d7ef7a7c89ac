import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { isFailure } from '@fanfare/core';
import {
  appSourceContract,
  appStoreContract,
  Follower,
  type SourceUnderTest,
  type WrittenApps,
} from '@fanfare/core/contract';
import type { RedisLimits } from '../src/index.ts';
import { openRedisApps, openRedisAppStore } from '../src/index.ts';
import { registryKeys } from '../src/keys.ts';
import { optionsFor } from './bus-under-test.ts';
import { within } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
// A node that holds every slot of a cluster refuses any command whose names hash to two of them.
const node = await startClusterNode();
after(() => node[Symbol.asyncDispose]());

for (const [name, redis] of Object.entries({ redis: server, 'redis as a cluster node': node })) {
  appStoreContract(name, async () => {
    await redis.client.flushall();
    const store = await openRedisAppStore(optionsFor(redis.url));
    const wipe = async (): Promise<void> => void (await redis.client.flushall());
    return { store, wipe, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  });
  appSourceContract(name, (apps) => openSource(redis, apps));
}

/** A clock that never strikes, so that only what is told is seen. */
const NO_POLL = { appsPollMs: 3_600_000 };

async function openSource(
  { client, url }: Pick<RedisServer, 'client' | 'url'>,
  apps: WrittenApps,
  limits: Partial<RedisLimits> = NO_POLL,
): Promise<SourceUnderTest> {
  await client.flushall();
  const store = await openRedisAppStore(optionsFor(url));
  const write = async (written: WrittenApps): Promise<void> => {
    const stored = await store.read(undefined);
    const removed = [...(stored?.entries.keys() ?? [])].map((id): [string, undefined] => [
      id,
      undefined,
    ]);
    const entries = new Map<string, string | undefined>([...removed, ...entriesOf(written)]);
    assert.equal(await store.change(stored?.version, { version: randomUUID(), entries }), true);
  };
  await write(apps);
  return {
    write,
    open: (events) => openRedisApps(optionsFor(url, limits), events),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function entriesOf(apps: WrittenApps): readonly (readonly [string, string])[] {
  return Object.entries(apps).map(([id, settings]) => [id, JSON.stringify(settings)]);
}

/** As somebody would do by hand, or as a change whose word is lost. */
async function writeUntold(apps: WrittenApps): Promise<void> {
  await server.client
    .multi()
    .del(registryKeys.hash)
    .hset(registryKeys.hash, Object.fromEntries(entriesOf(apps)))
    .set(registryKeys.version, randomUUID())
    .exec();
}

const one = { keys: [{ key: 'k1', secret: 's1' }] };
const two = { keys: [{ key: 'k2', secret: 's2' }] };

describe('The apps in Redis', () => {
  it('[RG8] a change whose word was lost is found by the clock', async () => {
    await using under = await openSource(server, { 1: one }, { appsPollMs: 50 });
    await using follower = await followed(under);
    await writeUntold({ 1: one, 2: two });
    await follower.changed();
    assert.deepEqual(follower.ids(), ['1', '2']);
  });

  it('[RG8] is looked for at once when that is asked for', async () => {
    await using under = await openSource(server, { 1: one });
    await using follower = await followed(under);
    await writeUntold({ 2: two });
    follower.source.refresh();
    await follower.changed();
    assert.deepEqual(follower.ids(), ['2']);
  });

  for (const link of ['commands', 'subscriber'] as const)
    it(`[RG8] while the link for ${link} is away the apps stay, and what changed meanwhile is there when it is back`, async () => {
      await using proxy = await startLinkProxy(server.port);
      await using under = await openSource(server, { 1: one });
      const open: SourceUnderTest['open'] = (events) =>
        openRedisApps(optionsFor(proxy.url, NO_POLL), events);
      await using follower = await followed({ open });
      for (const apps of [{ 2: two }, { 1: one }, { 2: two }]) {
        proxy.cut(link);
        const [before] = follower.ids();
        await under.write(apps);
        // The word of it has not come through, or could not be followed.
        assert.deepEqual(follower.ids(), [before]);
        proxy.heal();
        await follower.changed();
        assert.deepEqual(follower.ids(), Object.keys(apps));
      }
    });

  it('[RG9] a Redis that comes back empty is given back the apps, by whoever is first', async () => {
    await using own = await startRedis();
    await using under = await openSource(own, { 1: one, 2: two });
    await using first = await followed(under);
    await using second = await followed(under);
    await own.restart();
    assert.equal(await Promise.race([first.restored(), second.restored()]), 2);
    assert.deepEqual(
      [first.ids(), second.ids()],
      [
        ['1', '2'],
        ['1', '2'],
      ],
    );
    assert.deepEqual(
      await own.client.hgetall(registryKeys.hash),
      Object.fromEntries(entriesOf({ 1: one, 2: two })),
    );
  });

  it('[RG10] without apps a source opens, with none', async () => {
    await server.client.flushall();
    await using follower = await followed({
      open: (events) => openRedisApps(optionsFor(server.url, NO_POLL), events),
    });
    assert.deepEqual(follower.ids(), []);
    const store = await openRedisAppStore(optionsFor(server.url));
    await store.change(undefined, { version: 'v1', entries: new Map(entriesOf({ 1: one })) });
    await follower.changed();
    assert.deepEqual(follower.ids(), ['1']);
    await store[Symbol.asyncDispose]();
  });

  it('[RG10] a Redis that has forgotten the scripts is taught them again', async () => {
    await using under = await openSource(server, { 1: one });
    await using follower = await followed(under);
    for (const apps of [{ 2: two }, { 1: one }]) {
      await server.client.script('FLUSH');
      await under.write(apps);
      await follower.changed();
      assert.deepEqual(follower.ids(), Object.keys(apps));
    }
  });

  it('[RG10] whoever waits for a Redis that is not there stops when told to', async () => {
    const signal = AbortSignal.timeout(50);
    const url = 'redis://127.0.0.1:1';
    const nothing = { refused() {}, recovered() {}, restored() {} };
    const openings = [
      openRedisApps({ ...optionsFor(url), signal }, nothing),
      openRedisAppStore({ ...optionsFor(url), signal }),
    ];
    const refusals = openings.map((opening) =>
      assert.rejects(opening, (error) => isFailure(error, 'closed')),
    );
    await within(Promise.all(refusals), 'the wait did not end');
  });
});

async function followed(under: Pick<SourceUnderTest, 'open'>): Promise<Follower> {
  const follower = new Follower();
  await follower.follow(under);
  return follower;
}
