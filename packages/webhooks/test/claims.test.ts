import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outbox } from '@fanfare/core';
import { Claims, type HeldLane } from '../src/claims.ts';
import { createOutbox, lane, listenTo, type Told } from './given.ts';

const LEASE_MS = 60_000;

/** Claims whose renewals are answered as the lane's token says. */
function claimsOf(): { readonly claims: Claims; readonly told: Told; readonly asked: string[] } {
  const told = listenTo();
  const asked: string[] = [];
  const outbox: Outbox = {
    ...createOutbox(),
    async renew({ token }) {
      asked.push(token);
      if (token === 'away') throw new Error('the store is away');
      return token !== 'lost';
    },
  };
  return { claims: new Claims(outbox, LEASE_MS, told.events), told, asked };
}

function hold(claims: Claims, token: string, agoMs: number): HeldLane {
  return claims.hold(lane({ token }), Date.now() - agoMs, 0);
}

describe('Claims', () => {
  it('[WH15] are renewed before a request where they might run out during it', async () => {
    const { claims, asked } = claimsOf();
    const lanes = [hold(claims, 'old', LEASE_MS - 1_000), hold(claims, 'new', 0)];
    assert.deepEqual(await claims.ensure(lanes, 5_000), lanes);
    assert.deepEqual(asked, ['old']);
    claims.stop();
  });

  it('[WH15] that are lost, or that the store says nothing of, are no more', async () => {
    const { claims, told } = claimsOf();
    const [lost, away, ours] = [
      hold(claims, 'lost', LEASE_MS - 1_000),
      hold(claims, 'away', LEASE_MS - 1_000),
      hold(claims, 'ours', LEASE_MS - 1_000),
    ];
    assert.deepEqual(await claims.ensure([lost, away, ours], 5_000), [ours]);
    assert.equal(claims.count, 1);
    assert.deepEqual(told.lines.toSorted(), ['claim lost', 'claim lost', 'store failed']);
    assert.deepEqual(await claims.ensure([lost, away], 0), [], 'and stay so');
    claims.stop();
  });

  it('[WH19] that the store says nothing of are kept as long as they last', async () => {
    const { claims } = claimsOf();
    const away = hold(claims, 'away', LEASE_MS - 10_000);
    assert.deepEqual(await claims.ensure([away], 9_000), [away]);
    claims.stop();
  });
});
