import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster, type Member } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { skewedClock } from '../support/skewed-clock.ts';
import { openClient, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

const HOUR_MS = 3_600_000;
const EDGES_MS = [3 * HOUR_MS, -2 * HOUR_MS, 0];
const WORKERS_MS = [5 * HOUR_MS, -5 * HOUR_MS];

const LEASE_MS = 10_000;
const SLACK_MS = 2_000;
const LEAVE_MS = 3_000;
const DELIVERY_MS = 3_000;
/** Two failed attempts with pauses, and the one that succeeds. */
const RETRIES_MS = 15_000;

const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const startedMs = Date.now();
const cluster = await startCluster({
  edges: EDGES_MS.length,
  apis: 1,
  workers: WORKERS_MS.length,
  app: { webhooks: [{ url: receiver.url }] },
  envOf: (role, index): Readonly<Record<string, string>> => {
    const skewMs = { edge: EDGES_MS, webhooks: WORKERS_MS, api: [0] }[role][index] ?? 0;
    return skewMs === 0 ? {} : skewedClock(skewMs);
  },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

/** By how much its clock is wrong, as far as its log shows. */
function hoursOff({ process }: Pick<Member, 'process'>): number {
  const times = [...process.stream('stdout').matchAll(/"time":(\d+)/g)].map(([, ms]) => Number(ms));
  return Math.round(((times[0] ?? 0) - startedMs) / HOUR_MS);
}

describe('edges and workers whose clocks are hours off, each in its own way', () => {
  it('[FS19] count, fence and tell as ever, and what they tell has the time of Redis', async () => {
    assert.deepEqual(cluster.edges.map(hoursOff), [3, -2, 0]);
    assert.deepEqual(cluster.workers.map(hoursOff), [5, -5]);
    const room = 'presence-room';
    const [killed] = cluster.edges;
    const refreshed = 'refreshed';
    await using _dead = await openClient(cluster, 0, [room, 'lonely'], 'a');
    const second = await openClient(cluster, 1, [room, 'private-said'], 'b');
    const third = await openClient(cluster, 2, [room, refreshed], 'c');
    await untilCounts(sdk, { [room]: 3, lonely: 1, 'private-said': 1, [refreshed]: 1 });
    await receiver.storyOf(room, 4);
    for (const name of ['lonely', 'private-said', refreshed]) await receiver.storyOf(name, 1);

    // What cannot be delivered is neither given up nor sent again too soon for the hour.
    receiver.behave('error');
    for (const n of [0, 1, 2]) second.send(`client-${n}`, {}, 'private-said');
    const refused = () => receiver.requests.filter(({ accepted }) => !accepted);
    await eventually(
      () => refused().length >= 2,
      () => `${refused().length} attempts failed`,
      RETRIES_MS,
    );
    receiver.behave('accept');
    const said = ['client-0', 'client-1', 'client-2'].map((name) => `client_event ${name}`);
    assert.deepEqual(await receiver.storyOf('private-said', 4, RETRIES_MS), [
      'channel_occupied',
      ...said,
    ]);

    // A refresh, from an edge whose clock is right to one whose clock is not.
    third.send('pusher:unsubscribe', { channel: refreshed });
    await untilCounts(sdk, { [refreshed]: 0 });
    const back = await openClient(cluster, 1, [refreshed]);

    await killed?.kill();
    const killedMs = performance.now();
    const leftMs = (ms: number): number => ms - (performance.now() - killedMs);
    await untilCounts(sdk, { [room]: 2, lonely: 0, [refreshed]: 1 }, leftMs(LEASE_MS + SLACK_MS));
    assert.ok(performance.now() - killedMs > LEASE_MS / 2, 'the lease ended too soon');
    assert.deepEqual(await usersOf(sdk, room), ['b', 'c']);
    const goneMs = leftMs(LEASE_MS + SLACK_MS + LEAVE_MS + DELIVERY_MS);
    assert.deepEqual(await receiver.storyOf('lonely', 2, goneMs), [
      'channel_occupied',
      'channel_vacated',
    ]);
    assert.deepEqual((await receiver.storyOf(room, 5, goneMs)).slice(4), ['member_removed a']);

    // The marker: what else had been told would stand before this.
    for (const socket of [back, second, third]) await socket[Symbol.asyncDispose]();
    assert.deepEqual(await receiver.storyOf(refreshed, 2), ['channel_occupied', 'channel_vacated']);
    await receiver.storyOf(room, 8);
    for (const edge of cluster.edges.slice(1))
      assert.equal(await metric(edge, 'fanfare_state_fences_total'), 0);
    for (const worker of cluster.workers)
      assert.equal(await metric(worker, 'fanfare_webhook_events_dead_total'), 0);
    const ids = receiver.accepted().map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { body } of receiver.requests) {
      const { time_ms: timeMs } = JSON.parse(body) as { readonly time_ms: number };
      assert.ok(timeMs >= startedMs && timeMs <= Date.now(), `${timeMs} is not the time of Redis`);
    }
  });
});
