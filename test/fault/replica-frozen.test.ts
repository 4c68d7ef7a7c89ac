import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { startRedis } from '../support/redis-server.ts';
import { openClient } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** How long a worker waits for a replica that does not answer. */
const SETTLE_MS = 10_000;

/** Redis does not give the replica up: that would end the wait as well. */
const PATIENT = ['--repl-timeout', '3600'];
const IN_MEMORY = ['--repl-diskless-load', 'on-empty-db'];

describe('a replica of Redis that stands still', () => {
  it('[WH28] holds webhooks back for ten seconds, and then no more; once it goes on it is waited for again', async () => {
    await using main = await startRedis(...PATIENT, '--repl-diskless-sync-delay', '0');
    const of = ['--replicaof', '127.0.0.1', String(main.port)];
    await using replica = await startRedis(...PATIENT, ...of, ...IN_MEMORY);
    await using receiver = await startReceiver();
    await using cluster = await startCluster({
      edges: 1,
      apis: 1,
      workers: 1,
      redis: main.url,
      app: { webhooks: [{ url: receiver.url }] },
    });
    receiver.trust(cluster.serverSdk(0));
    const { process: worker, opsUrl } = cluster.workers[0] ?? assert.fail('there is no worker');
    await untilOnline(main.url);

    await using _first = await openClient(cluster, 0, ['before']);
    await receiver.storyOf('before', 1);
    assert.equal(await unsettled(opsUrl), 0);

    replica.freeze();
    await using _second = await openClient(cluster, 0, ['held']);
    const heldMs = performance.now();
    await receiver.storyOf('held', 1, SETTLE_MS + PATIENCE_MS);
    const tookMs = performance.now() - heldMs;
    assert.ok(tookMs > SETTLE_MS - 500, `sent after ${Math.round(tookMs)} ms already`);
    await worker.says(/"setting":"REDIS_REPLICAS".*no replica answers/);
    assert.equal(await unsettled(opsUrl), 1);

    await using _third = await openClient(cluster, 0, ['not-held']);
    const sentMs = performance.now();
    await receiver.storyOf('not-held', 1);
    assert.ok(performance.now() - sentMs < SETTLE_MS / 2, 'the next one was held back as well');
    assert.equal(await unsettled(opsUrl), 2);

    replica.thaw();
    // Whatever the worker tries next, sooner or later it is answered, and counts no more.
    await eventually(
      async () => {
        const before = await unsettled(opsUrl);
        const name = `after-${before}-${Math.round(performance.now())}`;
        await using _socket = await openClient(cluster, 0, [name]);
        await receiver.storyOf(name, 1);
        return (await unsettled(opsUrl)) === before;
      },
      () => 'the worker went on without the replica',
    );
  });
});

async function untilOnline(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    await eventually(
      async () => (await redis.info('replication')).includes('state=online'),
      () => 'the replica did not follow',
    );
  } finally {
    redis.disconnect();
  }
}

async function unsettled(opsUrl: string): Promise<number> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const value = /^fanfare_webhook_unsettled_total\S* (\d+)$/m.exec(text)?.[1];
  assert.ok(value !== undefined, `no such figure in ${text}`);
  return Number(value);
}
