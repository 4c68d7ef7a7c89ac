import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import PusherServer from 'pusher';
import { startCluster, type Member } from '../cluster.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';

describe('readiness', () => {
  it('[FT7] survives a short outage of Redis, ends after ten seconds of it, and comes back with it', async () => {
    await using redis = await startRedis();
    await using proxy = await startProxy(redis.port);
    const url = `redis://127.0.0.1:${proxy.port}`;
    await using cluster = await startCluster({ edges: 1, apis: 1, redis: url });
    const members = [...cluster.edges, ...cluster.apis];
    const cutAtMs = performance.now();
    proxy.cut();
    const { RequestError } = PusherServer;
    await assert.rejects(cluster.serverSdk(0).trigger('channel', 'e', ''), RequestError);
    for (const member of members) assert.equal((await readiness(member)).status, 200);
    for (const member of members) {
      const unready = await untilReadiness(member, 503, 15_000);
      assert.deepEqual(unready, { ready: false, reasons: ['the message bus is away'] });
    }
    assert.ok(performance.now() - cutAtMs >= 10_000, 'readiness did not wait');
    proxy.heal();
    for (const member of members) {
      const ready = await untilReadiness(member, 200, PATIENCE_MS);
      assert.deepEqual(ready, { ready: true, reasons: [] });
    }
  });
});

async function readiness(
  member: Member,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`${member.opsUrl}/readyz`);
  const { ready, reasons } = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, body: { ready, reasons } };
}

/** Asks as an orchestrator does: from time to time. */
async function untilReadiness(
  member: Member,
  status: number,
  patienceMs: number,
): Promise<unknown> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const now = await readiness(member);
    if (now.status === status) return now.body;
    if (performance.now() > deadlineMs) assert.fail(`/readyz never was ${status}`);
    await pause(100);
  }
}
