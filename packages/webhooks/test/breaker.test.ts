import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Breaker, type Pass } from '../src/breaker.ts';

const delay = (failures: number): number => failures * 1_000;

function entered(breaker: Breaker, nowMs: number): Pass {
  const pass = breaker.enter(nowMs);
  assert.ok('epoch' in pass, `refused: ${JSON.stringify(pass)}`);
  return pass;
}

describe('The breaker', () => {
  it('[WH9] lets one request through after each pause, and the pauses grow', () => {
    const breaker = new Breaker(16);
    assert.equal(breaker.failed(entered(breaker, 0), 0, delay), true);
    assert.deepEqual(breaker.enter(400), { waitMs: 600 });
    const probe = entered(breaker, 1_000);
    assert.deepEqual(breaker.enter(1_000), { waitMs: undefined });
    assert.equal(breaker.failed(probe, 1_500, delay), false);
    assert.deepEqual(breaker.enter(1_500), { waitMs: 2_000 });
    assert.equal(breaker.pauseMs(3_000), 500);
    entered(breaker, 3_500);
  });

  it('[WH9] is open to all after one success', () => {
    const breaker = new Breaker(16);
    breaker.failed(entered(breaker, 0), 0, delay);
    entered(breaker, 1_000);
    assert.equal(breaker.succeeded(), true);
    assert.equal(breaker.failing, false);
    entered(breaker, 1_001);
    entered(breaker, 1_001);
    assert.equal(breaker.succeeded(), false);
  });

  it('[WH10] finds out about an endpoint with one request, and doubles them with every success', () => {
    const breaker = new Breaker(4);
    const out = (): number => {
      let passes = 0;
      while ('epoch' in breaker.enter(0)) passes += 1;
      return passes;
    };
    assert.equal(out(), 1);
    breaker.succeeded();
    assert.equal(out(), 2);
    breaker.succeeded();
    assert.equal(out(), 3, 'one came back, and four may be out');
    breaker.succeeded();
    assert.equal(out(), 1, 'four is the most');
  });

  it('[WH9] counts the failures of requests that were out together as one', () => {
    const breaker = new Breaker(16);
    entered(breaker, 0);
    breaker.succeeded();
    const [first, second] = [entered(breaker, 0), entered(breaker, 0)];
    breaker.failed(first, 0, delay);
    breaker.failed(second, 900, delay);
    assert.equal(breaker.pauseMs(900), 100);
  });

  it('[WH9] takes a request that was not sent for none', () => {
    const breaker = new Breaker(16);
    entered(breaker, 0);
    breaker.cancelled();
    assert.equal(breaker.failing, false);
    entered(breaker, 0);
  });
});
