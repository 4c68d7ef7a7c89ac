import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replayLane } from '@fanfare/core';
import { workerOptions } from '../src/index.ts';
import { backoffMs, givenUp, giveUpAtMs, parseRetryAfter, retryDelayMs } from '../src/retry.ts';
import { entry, lane, occupied } from './given.ts';

const options = workerOptions.retry;
const most = (): number => 1 - Number.EPSILON;
const least = (): number => 0;
const HOUR_MS = 3_600_000;

describe('The pause after a failure', () => {
  it('[WH6] is anything up to a bound that doubles from 1 s to 60 s', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((failures) =>
      Math.ceil((backoffMs(failures, options, most) + 1) / 1_000),
    );
    assert.deepEqual(bounds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert.equal(backoffMs(9, options, least), 0);
    assert.equal(
      backoffMs(3, options, () => 0.5),
      2_000,
    );
  });

  it('[WH6] is as long as the receiver asks for, up to 5 minutes, and never shorter than ours', () => {
    assert.equal(retryDelayMs(1, 120_000, options, most), 120_000);
    assert.equal(retryDelayMs(1, 86_400_000, options, most), 300_000);
    assert.equal(
      retryDelayMs(7, 1_000, options, () => 0.5),
      30_000,
    );
    assert.equal(retryDelayMs(1, undefined, options, least), 0);
  });

  const nowMs = Date.parse('2026-11-21T20:00:00Z');
  const headers: readonly (readonly [header: string | null, ms: number | undefined])[] = [
    ['120', 120_000],
    [' 0 ', 0],
    ['Sat, 21 Nov 2026 20:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 19:00:00 GMT', 0],
    [null, undefined],
    ['', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['Someday', undefined],
    ['2026-11-21T20:01:00Z', undefined],
    ['99999999999999999999', undefined],
  ];
  for (const [header, ms] of headers)
    it(`[WH6] a Retry-After of ${JSON.stringify(header)} asks for ${ms ?? 'nothing'}`, () =>
      assert.equal(parseRetryAfter(header, nowMs), ms));
});

describe('Giving up', () => {
  const entries = [100, 200, 300].map((timeMs) => entry(occupied('a'), { timeMs }));
  const old = lane({ entries });
  const early = { sinceMs: 5_000, aheadMs: 0 };

  it('[WH7] takes the events that are an hour old, and those behind them stay', () => {
    const upTo = (nowMs: number): number => givenUp(old, early, nowMs, options).length;
    assert.equal(upTo(HOUR_MS + 99), 0);
    assert.equal(upTo(HOUR_MS + 100), 1);
    assert.equal(upTo(HOUR_MS + 299), 2);
    assert.equal(upTo(HOUR_MS + 300), 3);
    assert.equal(giveUpAtMs(old, early, options), HOUR_MS + 100);
  });

  it('[WH7] takes none that was not tried for a minute, however old', () => {
    const sinceMs = 9 * HOUR_MS;
    const trying = { sinceMs, aheadMs: 0 };
    assert.equal(givenUp(old, trying, sinceMs + 59_999, options).length, 0);
    assert.equal(givenUp(old, trying, sinceMs + 60_000, options).length, 3);
    assert.equal(giveUpAtMs(old, trying, options), sinceMs + 60_000);
  });

  it('[WH27] counts the hour by the clock that the events have their times of', () => {
    const aheadMs = 5 * HOUR_MS;
    const ahead = { sinceMs: aheadMs + 5_000, aheadMs };
    assert.equal(giveUpAtMs(old, ahead, options), aheadMs + HOUR_MS + 100);
    assert.equal(givenUp(old, ahead, aheadMs + HOUR_MS + 99, options).length, 0);
    const behind = { sinceMs: 5_000 - aheadMs, aheadMs: -aheadMs };
    assert.equal(giveUpAtMs(old, behind, options), HOUR_MS + 100 - aheadMs);
  });

  it('[WH8] gives what is replayed its hour anew', () => {
    const again = lane({ entries, hook: replayLane('abcdef012345') });
    assert.equal(givenUp(again, early, HOUR_MS + 4_999, options).length, 0);
    assert.equal(givenUp(again, early, HOUR_MS + 5_000, options).length, 3);
    assert.equal(giveUpAtMs(again, early, options), HOUR_MS + 5_000);
  });
});
