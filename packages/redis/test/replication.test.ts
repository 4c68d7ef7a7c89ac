import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openRedisState, type RedisState, type RedisStateOptions } from '../src/redis-state.ts';
import { onlineReplicas } from '../src/replication.ts';
import { optionsFor } from './bus-under-test.ts';
import { within } from './inbox.ts';
import { startRedis, type RedisServer } from './redis-server.ts';

/** Redis is asked anew with every claim. */
const anew = { replicasMs: 0 };

const lines = (...rest: readonly string[]): string =>
  ['# Replication', 'role:master', ...rest, 'master_replid:0'].join('\r\n');

describe('Replicas', () => {
  it('[RW1] without a replica nothing is waited for, with one it is, and when it is gone nothing is', async () => {
    await using main = await startMain();
    await using state = await openState(main, optionsFor(main.url, anew));
    assert.equal(await settle(state), true);
    assert.equal(await waits(main), 0);
    {
      await using replica = await startReplica(main);
      await untilOnline(main, 1);
      await untilSettled(state);
      assert.ok((await waits(main)) > 0, 'the replica is waited for');
      replica.freeze();
      // It may still have answered for what it had read before.
      await within(untilUnsettled(state, main), 'a replica that stands still was not waited for');
      replica.thaw();
      await untilSettled(state);
    }
    await untilOnline(main, 0);
    const before = await waits(main);
    assert.equal(await settle(state), true);
    assert.equal(await settle(state), true);
    assert.equal(await waits(main), before);
  });

  it('[RW1] a replica that is gone is known after one wait, whatever was believed of it', async () => {
    await using main = await startMain();
    await using state = await openState(main, optionsFor(main.url, { replicasMs: 3_600_000 }));
    {
      await using _replica = await startReplica(main);
      await untilOnline(main, 1);
      await untilSettled(state);
    }
    await untilOnline(main, 0);
    assert.equal(await settle(state), false);
    const before = await waits(main);
    assert.equal(await settle(state), true);
    assert.equal(await waits(main), before);
  });

  it('[RW1] what Redis said is believed for a while, and not on another connection', async () => {
    await using main = await startMain();
    await using state = await openState(main, optionsFor(main.url, { replicasMs: 3_600_000 }));
    await settle(state);
    const before = await calls(main, 'info');
    for (let turn = 0; turn < 5; turn += 1) await settle(state);
    // The question itself is one.
    assert.equal((await calls(main, 'info')) - before, 1);
    await using _replica = await startReplica(main);
    await untilOnline(main, 1);
    await settle(state);
    assert.equal(await waits(main), 0, 'it is not known yet');
    await main.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const back = async (): Promise<void> => {
      while (!(await settle(state).catch(() => false)) || (await waits(main)) === 0) await pause(5);
    };
    await within(back(), 'the new connection was not asked');
  });

  it('[RW2] with 0 no replica is waited for, and with a number so many are, whether they are there or not', async () => {
    await using main = await startMain();
    await using _replica = await startReplica(main);
    await untilOnline(main, 1);
    await using never = await openRedisState({ ...optionsFor(main.url), replicas: 0 });
    assert.ok(!('settle' in never));
    await using two = await openState(main, { ...optionsFor(main.url), replicas: 2 });
    assert.equal(await settle(two), false);
    assert.equal(await waits(main), 1);
  });

  it('[RW3] a Redis that refuses to wait is used like one without replicas, and that is told once', async () => {
    await using main = await startMain();
    await using _replica = await startReplica(main);
    await untilOnline(main, 1);
    await main.client.call('ACL', 'SETUSER', 'guest', 'on', '>pass', '+@all', '-wait', '~*', '&*');
    const warnings: object[] = [];
    const options = optionsFor(`redis://guest:pass@127.0.0.1:${main.port}`, anew);
    const log = { ...options.log, warn: (fields: object) => void warnings.push(fields) };
    await using state = await openState(main, { ...options, log });
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await settle(state), true);
    assert.equal(warnings.length, 1);
    assert.match(JSON.stringify(warnings), /NOPERM.*wait/);
  });

  it('[RW5] replicas that are waited for in vain are told, once for each time', async () => {
    await using main = await startMain();
    const warnings: string[] = [];
    const options = optionsFor(main.url, anew);
    const log = { ...options.log, warn: (_: object, text: string) => void warnings.push(text) };
    await using state = await openState(main, { ...options, log, replicas: 1 });
    for (let turn = 0; turn < 3; turn += 1) assert.equal(await settle(state), false);
    assert.deepEqual(warnings, [
      'webhooks wait for replicas of Redis that are not there or do not keep up',
    ]);
    await using replica = await startReplica(main);
    await untilSettled(state);
    replica.freeze();
    await within(untilUnsettled(state, main), 'a replica that stands still was not waited for');
    assert.equal(warnings.length, 2);
  });

  it('[RW9] the store insists where a number is set, and not by itself', async () => {
    await using main = await startMain();
    await using alone = await openRedisState(optionsFor(main.url));
    assert.equal(alone.mustSettle, false);
    await using asked = await openRedisState({ ...optionsFor(main.url), replicas: 1 });
    assert.equal(asked.mustSettle, true);
  });

  it('[RW10] all who ask while a wait is under way share the next, and are answered truly', async () => {
    await using main = await startMain();
    await using replica = await startReplica(main);
    await untilOnline(main, 1);
    await using state = await openState(main, { ...optionsFor(main.url), replicas: 1 });
    await untilSettled(state);
    replica.freeze();
    await within(untilUnsettled(state, main), 'a replica that stands still was not waited for');
    const before = await waits(main);
    await state.heartbeat(7, 'one');
    const asked = Array.from({ length: 50 }, async () => state.settle?.(7));
    // Commands go out in order: this one is answered behind the first wait, and the others ask then.
    const late = state.heartbeat(7, 'one').then(async () => state.settle?.(7));
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([false]));
    assert.equal(await late, false);
    assert.equal((await waits(main)) - before, 2);
    replica.thaw();
    await untilSettled(state);
  });

  const shapes = [
    [0, lines('connected_slaves:0')],
    [0, lines('connected_slaves:1', 'slave0:ip=127.0.0.1,port=1,state=send_bulk,offset=0,lag=0')],
    [1, lines('connected_slaves:1', 'slave0:ip=127.0.0.1,port=1,state=online,offset=9,lag=0')],
    [
      1,
      lines(
        'connected_slaves:2',
        'slave0:ip=127.0.0.1,port=1,state=online,offset=9,lag=0',
        'slave1:ip=127.0.0.1,port=2,state=wait_bgsave,offset=0,lag=0',
      ),
    ],
    // Where somebody else runs it, their addresses may be nobody's business.
    [2, lines('connected_slaves:2')],
    [0, ''],
  ] as const;
  for (const [count, info] of shapes) {
    it(`[RW4] ${count} of ${JSON.stringify(info.split('\r\n').slice(2, -1))} can be waited for`, () => {
      assert.equal(onlineReplicas(info), count);
    });
  }
});

async function startMain(): Promise<RedisServer> {
  return startRedis('--repl-diskless-sync-delay', '0');
}

/** It has all the data in memory, and leaves no file. */
async function startReplica(main: RedisServer): Promise<RedisServer> {
  const replica = await startRedis('--repl-diskless-load', 'on-empty-db');
  await replica.client.replicaof('127.0.0.1', main.port);
  return replica;
}

/** A state that has written something, for there is nothing to settle otherwise. */
async function openState(main: RedisServer, options: RedisStateOptions): Promise<RedisState> {
  const state = await openRedisState(options);
  await main.client.set('written', '1');
  await state.register(7, 'one');
  return state;
}

async function settle(state: RedisState): Promise<boolean> {
  // Something new, so that a replica has to hear of it.
  await state.heartbeat(7, 'one');
  assert.ok(state.settle !== undefined);
  return state.settle(7);
}

async function untilSettled(state: RedisState): Promise<void> {
  const settled = async (): Promise<void> => {
    while (!(await settle(state)));
  };
  await within(settled(), 'the replica did not follow');
}

async function untilUnsettled(state: RedisState, main: RedisServer): Promise<void> {
  do await main.client.incr('written');
  while (await settle(state));
}

async function untilOnline(main: RedisServer, count: number): Promise<void> {
  const online = async (): Promise<void> => {
    while (onlineReplicas(await main.client.info('replication')) !== count) await pause(5);
  };
  await within(online(), `Redis did not come to have ${count} replicas`);
}

async function waits(main: RedisServer): Promise<number> {
  return calls(main, 'wait');
}

/** How often Redis was sent the command. */
async function calls({ client }: RedisServer, command: string): Promise<number> {
  const info = await client.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}
