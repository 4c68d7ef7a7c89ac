import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { queryObjects } from 'node:v8';
import { Connection } from '../../packages/edge/src/connection.ts';
import { PresenceChannel } from '../../packages/edge/src/presence-channel.ts';
import { CacheChannel } from '../../packages/edge/src/cache-channel.ts';
import { RosterView } from '../../packages/edge/src/roster-view.ts';
import { Turnstile } from '../../packages/edge/src/turnstile.ts';
import { WatchedUser } from '../../packages/edge/src/watched-user.ts';
import { eventually } from '../eventually.ts';
import { Chance } from '../support/seeded.ts';
import { fuzzApps, parsedApp } from './apps.ts';
import { crowd } from './crowd.ts';
import { Findings } from './judge.ts';
import { quiet, round } from './round.ts';
import { openWorld } from './world.ts';

/** Before that, code is compiled and tables grow to their size. */
const WARM_UP = 2;
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 4);
/** What all rounds after the warm-up may add together; a single one has ten times as much on its way. */
const GROWTH_BYTES = 300_000;
const KINDS = [Connection, Turnstile, PresenceChannel, CacheChannel, RosterView, WatchedUser];

describe('Memory under fuzz', () => {
  it('[FZ21] no object of a closed socket stays alive, and the heap does not grow with the rounds', async (test) => {
    await using world = await openWorld();
    const none = world.edges.map(({ counters }) => ({ ...counters }));
    const { id } = parsedApp(fuzzApps.one);
    const isKnown = async (channels: number): Promise<boolean> =>
      (await world.state.occupied(id, '')).length >= channels;
    const heaps: number[] = [];
    for (let number = 1; number <= WARM_UP + ROUNDS; number += 1) {
      const findings = new Findings(number);
      await round(world, number, findings, { lives: 3 });
      await crowd(world.target, fuzzApps.one, new Chance(number), isKnown);
      await quiet(world, none);
      assert.deepEqual([findings.all, world.defects()], [[], []], `round ${number}`);
      await gone(Connection, `round ${number}`);
      heaps.push(process.memoryUsage().heapUsed);
    }
    for (const kind of KINDS) await gone(kind, 'in the end');
    // A heap is never the same twice; what grows is more at its least than it was at its most.
    const growth = Math.min(...heaps.slice(-2)) - Math.max(...heaps.slice(0, WARM_UP));
    const shown = heaps.map((bytes) => (bytes / 1e6).toFixed(2)).join(' ');
    test.diagnostic(
      `heap after each round, in MB: ${shown}; rss ${process.memoryUsage.rss() / 1e6}`,
    );
    assert.ok(growth < GROWTH_BYTES, `the heap grew by ${growth} bytes: ${shown}`);
  });
});

/** What a socket has begun may take a few turns longer than the socket. To count collects garbage first. */
async function gone(kind: (typeof KINDS)[number], when: string): Promise<void> {
  await eventually(
    () => queryObjects(kind, { format: 'count' }) === 0,
    () => `${when}: a ${kind.name} of a closed socket is alive`,
  );
}
