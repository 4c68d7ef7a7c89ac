import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { openClient } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** For so long a worker that says nothing keeps its lanes. */
const CLAIM_MS = 15_000;
const SLACK_MS = 8_000;

const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 1,
  apis: 1,
  workers: 1,
  app: { webhooks: [{ url: receiver.url }] },
});
after(() => cluster[Symbol.asyncDispose]());
receiver.trust(cluster.serverSdk(0));

describe('a worker that is killed between a request and its acknowledgement', () => {
  it('[FS4] leaves its events to the next one, which tells the same events under the same ids, and all later ones', async () => {
    const name = 'private-said';
    await using socket = await openClient(cluster, 0, [name]);
    await receiver.storyOf(name, 1);
    receiver.behave('hang');
    socket.send('client-first', {}, name);
    await eventually(
      () => receiver.requests.length > 1,
      () => 'no request came',
    );
    const killedMs = performance.now();
    await cluster.workers[0]?.kill();
    receiver.behave('accept');
    const [, lost] = receiver.requests;
    assert.ok(lost !== undefined);
    // What happens while nobody works is told later.
    socket.send('client-second', {}, name);
    await cluster.restartWorker(0);

    const leftMs = CLAIM_MS + SLACK_MS - (performance.now() - killedMs);
    assert.deepEqual(await receiver.storyOf(name, 3, leftMs), [
      'channel_occupied',
      'client_event client-first',
      'client_event client-second',
    ]);
    const ids = receiver.accepted(name).map(({ id }) => id);
    const lostIds = lost.told.map(({ id }) => id);
    assert.equal(lostIds.length, 1);
    assert.deepEqual(ids.slice(1, 2), lostIds);
    assert.equal(new Set(ids).size, 3);
  });
});
