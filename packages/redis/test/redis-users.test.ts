import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { isFailure } from '@fanfare/core';
import { terminationKey } from '../src/keys.ts';
import { openRedisState } from '../src/redis-state.ts';
import { key, optionsFor } from './bus-under-test.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());

const ann = key('#server-to-user-ann');
const HOUR_MS = 3_600_000;

describe('Users on Redis', () => {
  it('[US13] a termination is kept for an hour after the last one', async () => {
    await using state = await openRedisState(optionsFor(server.url));
    await state.terminate(ann);
    await server.client.pexpire(terminationKey(ann), 1_000);
    const number = await state.terminate(ann);
    const left = await server.client.pttl(terminationKey(ann));
    assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `${left} ms`);
    assert.deepEqual(await state.terminations([ann]), [number]);
    // The clock of Redis, in microseconds.
    assert.ok(Math.abs(number / 1_000 - Date.now()) < 60_000);
    await server.client.del(terminationKey(ann));
    assert.deepEqual(await state.terminations([ann]), [0]);
    assert.ok((await state.terminate(ann)) > number);
  });

  it('[US13] while Redis is away nothing is read and nothing written', async () => {
    const state = await openRedisState(optionsFor(server.url));
    await state[Symbol.asyncDispose]();
    for (const call of [
      () => state.terminate(ann),
      () => state.terminations([ann]),
      () => state.online([ann]),
    ])
      await assert.rejects(call, (error) => isFailure(error, 'closed'));
  });
});
