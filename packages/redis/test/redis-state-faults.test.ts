import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isFailure, stateTiming, type Share } from '@fanfare/core';
import { appOfKey } from '@fanfare/protocol';
import { tagOf } from '../src/partitions.ts';
import { openRedisState, type RedisState } from '../src/redis-state.ts';
import { key, keysOfOnePartition, optionsFor } from './bus-under-test.ts';
import { Inbox, within } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());

const lobby = key('lobby');
const revision = { version: 1, after: 0 };

describe('Redis state', () => {
  it('[RS1] while Redis is away every call fails at once, and works again as soon as it is back', async () => {
    await using proxy = await startLinkProxy(server.port);
    const ups = new Inbox<boolean>('change of the link');
    await using state = await openRedisState({
      ...optionsFor(proxy.url),
      onUp: (up) => ups.push(up),
    });
    proxy.cut();
    assert.equal(await ups.next(), false);
    assert.equal(state.up, false);
    await assert.rejects(state.register(1, 'one'), isUnavailable);
    await assert.rejects(state.counts([lobby]), isUnavailable);
    await assert.rejects(state.poll(1, { ...wanted, token: 't' }), isUnavailable);
    proxy.heal();
    assert.equal(await ups.next(), true);
    assert.equal((await state.register(1, 'one')).fenced, false);
  });

  it('[RS1] a Redis that does not answer fails the call in time, though it may have been carried out', async () => {
    await using proxy = await startLinkProxy(server.port);
    await using state = await openRedisState(optionsFor(proxy.url, { commandMs: 200 }));
    await state.register(state.partitionOf(lobby), 'deaf');
    proxy.swallowReplies();
    const report = state.report(state.partitionOf(lobby), 'deaf', revision, [share(2)]);
    await within(assert.rejects(report, isUnavailable), 'the call did not fail');
    proxy.heal();
    await using other = await openRedisState(optionsFor(server.url));
    assert.deepEqual(await other.counts([lobby]), [{ subscriptions: 2, users: 0 }]);
  });

  it('[RS2] a Redis that has forgotten the scripts is taught them again, and the call is carried out', async () => {
    await using state = await openRedisState(optionsFor(server.url));
    await server.client.script('FLUSH');
    assert.equal((await state.register(2, 'taught')).fenced, false);
    await server.client.script('FLUSH');
    const calls = [state.heartbeat(2, 'taught'), state.heartbeat(2, 'taught'), state.tend(2)];
    assert.equal((await Promise.all(calls)).length, 3);
  });

  it('[RS3] a closed store refuses every call', async () => {
    const state = await openRedisState(optionsFor(server.url));
    await state[Symbol.asyncDispose]();
    await state[Symbol.asyncDispose]();
    await assert.rejects(state.register(1, 'one'), (error) => isFailure(error, 'closed'));
    await assert.rejects(state.users(lobby), (error) => isFailure(error, 'closed'));
  });

  it('[RS4] a listing of occupied channels ends at its bound', async () => {
    await using state = await openRedisState({ ...optionsFor(server.url), channelsMax: 20 });
    const app = '1003';
    for (let at = 0; at < 60; at += 1) {
      const channel = key(`bound-${at}`, app);
      const partition = state.partitionOf(channel);
      await state.register(partition, `e${at}`);
      await state.report(partition, `e${at}`, revision, [share(1, channel)]);
    }
    const listed = await state.occupied(appOfKey(key('x', app)), 'bound-');
    assert.equal(new Set(listed).size, 20);
    assert.ok(listed.every((name) => name.startsWith('bound-')));
  });

  it('[SU19] a count leaves nothing behind once zero was told, and nothing at all where nobody hears it', async () => {
    await using redis = await startRedis();
    let nowMs = Date.now();
    await using state = await openRedisState({ ...optionsFor(redis.url), nowMs: () => nowMs });
    const partition = state.partitionOf(lobby);
    await state.register(partition, 'one');
    nowMs += stateTiming.graceMs;
    const wish = { subscribers: true, app: true, asked: true };
    const tag = `{${tagOf(partition)}}:`;
    const kept = async (): Promise<number> => redis.client.exists(`${tag}counted`, `${tag}tells`);
    const says = async (version: number, count: number, part: Partial<Share>): Promise<void> => {
      const revisionNow = { version, after: version - 1 };
      await state.report(partition, 'one', revisionNow, [{ ...share(count), ...part }]);
    };
    await says(1, 1, {});
    assert.equal(await kept(), 0);
    await says(2, 2, { wish });
    assert.equal(await kept(), 2);
    nowMs += 200;
    await state.tend(partition);
    assert.equal(await kept(), 1);
    await says(3, 0, { wish });
    nowMs += 200;
    await state.tend(partition);
    assert.equal(await kept(), 0);
    await says(4, 1, { wish });
    await says(5, 0, {});
    nowMs += 200;
    await state.tend(partition);
    assert.equal(await kept(), 0);
    assert.equal(await redis.client.hexists(`${tag}meta`, 'tells'), 0);
  });

  it('[RS5] when all is over, nothing is left but what its owner removes in time', async () => {
    await using redis = await startRedis();
    let nowMs = Date.now();
    await using state = await openRedisState({ ...optionsFor(redis.url), nowMs: () => nowMs });
    const partition = state.partitionOf(lobby);
    await state.register(partition, 'one');
    nowMs += stateTiming.graceMs;
    const member = {
      ...share(1),
      subject: { kind: 'member', channel: lobby, user: 'ann' },
    } as const;
    await state.join(partition, 'one', revision, {
      channel: share(1),
      member: { ...member, info: '{}' },
      membersMax: 9,
    });
    await state.report(partition, 'one', { version: 2, after: 1 }, [share(1)]);
    await state.leave(partition, 'one');
    nowMs += stateTiming.downDelayMs + 1_000;
    await state.tend(partition);
    assert.equal(await deliver(state, partition, () => (nowMs += 1_000)), 4);
    const tag = `{${tagOf(partition)}}:`;
    const left = async (): Promise<readonly string[]> =>
      (await redis.client.keys(`${tag}*`)).toSorted();
    assert.deepEqual(await left(), [
      `${tag}dead`,
      `${tag}dead-lanes`,
      `${tag}dl:1001/hook`,
      `${tag}meta`,
    ]);
    nowMs += 30 * 86_400_000;
    await state.tend(partition);
    // It stood still for so long that it fences nobody yet, and forgets nobody.
    nowMs += stateTiming.guardMs / 2;
    await state.tend(partition);
    nowMs += stateTiming.guardMs / 2;
    await state.tend(partition);
    assert.deepEqual(await left(), [`${tag}meta`]);
  });

  it('[RS6] what a lost edge held is taken away in bounded steps, however much it is', async () => {
    await using redis = await startRedis();
    let nowMs = Date.now();
    await using state = await openRedisState({ ...optionsFor(redis.url), nowMs: () => nowMs });
    const channels = keysOfOnePartition(3_000);
    const partition = state.partitionOf(firstOf(channels));
    await state.register(partition, 'big');
    for (let at = 0; at < channels.length; at += 500) {
      const version = at / 500 + 1;
      const shares = channels.slice(at, at + 500).map((channel) => share(1, channel));
      await state.report(partition, 'big', { version, after: version - 1 }, shares);
    }
    for (const name of ['two', 'three']) await state.register(partition, name);
    let steps = 0;
    let reaped = 0;
    const endMs = nowMs + stateTiming.leaseMs;
    while (nowMs < endMs + 10_000) {
      nowMs += 1_000;
      for (const name of ['two', 'three']) await state.heartbeat(partition, name);
      const tended = await state.tend(partition);
      assert.ok(tended.reaped <= 500, `${tended.reaped} in one step`);
      if (tended.reaped > 0) steps += 1;
      reaped += tended.reaped;
    }
    assert.equal(reaped, channels.length);
    assert.equal(steps, 6);
    assert.deepEqual(await state.occupied(appOfKey(lobby), ''), []);
  });

  it('[RS7] a claim is settled once a replica knows of it, and not without one', async () => {
    await using main = await startRedis('--repl-diskless-sync-delay', '0');
    await using state = await openRedisState({ ...optionsFor(main.url), replicas: 1 });
    const settle = async (): Promise<boolean | undefined> => state.settle?.(7);
    await state.append(7, appOfKey(lobby), clientEvent);
    assert.equal(await settle(), false);
    // It would leave a file here otherwise.
    const diskless = ['--repl-diskless-load', 'on-empty-db'];
    await using _replica = await startRedis(
      '--replicaof',
      '127.0.0.1',
      String(main.port),
      ...diskless,
    );
    const settled = async (): Promise<void> => {
      while ((await settle()) !== true);
    };
    await within(settled(), 'the replica did not follow');
    await using without = await openRedisState({ ...optionsFor(main.url), replicas: 0 });
    assert.ok(!('settle' in without));
  });
});

const wanted = { leaseMs: 1_000, lanes: 1, entries: 1, unrouted: 100 };
const clientEvent = {
  name: 'client_event',
  channel: 'lobby',
  event: 'client-a',
  data: '{}',
  socket_id: '1.1',
} as const;

function isUnavailable(error: unknown): boolean {
  return isFailure(error, 'unavailable');
}

function share(count: number, channel = lobby): Share {
  return { subject: { kind: 'channel', channel }, count, info: '', told: true, adopted: false };
}

function firstOf<T>(channels: readonly T[]): T {
  const [first] = channels;
  assert.ok(first !== undefined);
  return first;
}

/** Routes and delivers what there is, except the last event, which is given up. Resolves with how many there were. */
async function deliver(state: RedisState, partition: number, pass: () => void): Promise<number> {
  const [unrouted] = (await state.poll(partition, { ...wanted, token: 'none', lanes: 0 })).unrouted;
  assert.ok(unrouted !== undefined);
  const { entries } = unrouted;
  await state.route(partition, unrouted, [{ hook: 'hook', entries }]);
  pass();
  for (const [token, max] of [
    ['one', entries.length - 1],
    ['two', 1],
  ] as const) {
    const [lane] = (await state.poll(partition, { ...wanted, token, entries: max })).lanes;
    assert.ok(lane !== undefined);
    assert.ok(token === 'one' ? await state.acknowledge(lane) : await state.abandon(lane, 'gone'));
  }
  return entries.length;
}
