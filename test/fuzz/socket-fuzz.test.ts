import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fixedSeeds } from '../support/seeded.ts';
import { fuzzApps, everyApp, type FuzzApp } from './apps.ts';
import { newTally, told, type Tally } from './attack.ts';
import { assertServed, openHonest } from './honest.ts';
import { Findings } from './judge.ts';
import { quiet, round } from './round.ts';
import { backendOf } from './sdk.ts';
import { openWorld, type World } from './world.ts';

describe('Whatever sockets and callers say', () => {
  it('[FZ20] is answered in known words, reaches no other app and leaves nothing behind', async (test) => {
    const seeds = fixedSeeds(4);
    const tally = newTally();
    for (const seed of seeds)
      await oneSeed(seed, tally).catch((cause: unknown) => {
        throw new Error(`FUZZ_SEED=${seed}: ${String(cause)}`, { cause });
      });
    test.diagnostic(`${seeds.length} seeds, ${told(tally)}`);
    if (seeds.length > 1) assertBusy(tally);
  });

  it('[FZ23] an edge that stops meanwhile closes everybody and leaves nothing behind, and the other goes on', async (test) => {
    for (const seed of fixedSeeds(2)) {
      const findings = new Findings(seed);
      const tally = newTally();
      await using world = await openWorld();
      const [stopping, other] = world.edges;
      assert.ok(stopping !== undefined && other !== undefined);
      const before = { ...other.counters };
      let stopped: Promise<void> | undefined;
      await round(world, seed, findings, {
        tally,
        disturb() {
          if (tally.frames > 300) stopped ??= stopping.edge.stop('drain');
        },
      });
      await stopped;
      assert.deepEqual([findings.all, world.defects()], [[], []], `FUZZ_SEED=${seed}`);
      await quiet({ ...world, edges: [other] }, [before]);
      // What the edge that was stopped still holds is found when it is disposed of.
      test.diagnostic(told(tally));
      assert.ok(stopped !== undefined && tally.closes.has(4200), `FUZZ_SEED=${seed}`);
    }
  });
});

async function oneSeed(seed: number, tally: Tally): Promise<void> {
  await using world = await openWorld();
  const findings = new Findings(seed);
  await using calm = await openHonest(world.target.edges[0] ?? 0, fuzzApps.calm);
  await calm.untilPong();
  const before = world.edges.map(({ counters }) => ({ ...counters }));
  await round(world, seed, findings, { tally });
  assert.deepEqual([findings.all, world.defects()], [[], []]);
  for (const { counters } of world.edges) {
    tally.slow += counters.slowClosed;
    tally.held += counters.slowHeld;
  }
  assert.equal(calm.transport.readyState, calm.transport.OPEN, 'the calm socket was closed');
  await quiet(world, before);
  assert.deepEqual(world.defects(), []);
  assert.deepEqual(await calm.untilPong(), [], 'it is none of its business');
  for (const app of everyApp) await assertServes(world, app);
}

async function assertServes({ target }: World, app: FuzzApp): Promise<void> {
  for (const port of target.edges) {
    await using socket = await openHonest(port, app);
    await assertServed(socket, backendOf(target.api, app));
  }
}

/** Attackers that are refused everything would find nothing. */
function assertBusy({ events, statuses }: Tally): void {
  for (const event of [
    'pusher:signin_success',
    'pusher_internal:subscription_succeeded',
    'pusher_internal:member_added',
    'pusher_internal:watchlist_events',
    'pusher:cache_miss',
    'pusher:error',
    'event',
  ])
    assert.ok((events.get(event) ?? 0) > 5, `attackers heard ${event} too seldom`);
  for (const status of [200, 400]) assert.ok((statuses.get(status) ?? 0) > 5, `few got ${status}`);
}
