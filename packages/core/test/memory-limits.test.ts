import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limitsContract } from '../src/contract/index.ts';
import { createMemoryLimits, Gcra } from '../src/index.ts';

limitsContract('memory', async (nowMs) => {
  const limits = createMemoryLimits(nowMs);
  return { nodes: [limits, limits], async [Symbol.asyncDispose]() {} };
});

describe('Gcra', () => {
  it('[LM5] a clock that is set back pays nothing back and asks for no more', () => {
    const rate = new Gcra();
    for (let taken = 0; taken < 10; taken += 1) assert.equal(rate.take(10, 1, 1_000_000).ok, true);
    assert.equal(rate.take(10, 1, 1_000).ok, false);
    assert.equal(rate.take(10, 1, 1_099).ok, false);
    assert.equal(rate.take(10, 1, 1_100).ok, true);
  });

  it('[LM5] a rate that changes counts from then on', () => {
    const rate = new Gcra();
    assert.equal(rate.take(10, 10, 0).ok, true);
    assert.deepEqual(rate.take(1_000, 1, 0), { ok: false, waitMs: 1 });
    assert.equal(rate.take(1_000, 1, 1).ok, true);
  });
});
