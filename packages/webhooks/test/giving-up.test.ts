import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryAppRegistry, LANE_FULL, replayLane, type App } from '@fanfare/core';
import {
  app,
  append,
  appId,
  createOutbox,
  givenWorker,
  occupied,
  poll,
  quick,
  vacated,
} from './given.ts';
import { deadUrl, startReceiver } from './receiver.ts';

const HOUR_MS = 3_600_000;

function hookId(one: App, index = 0): string {
  const hook = one.webhooks[index];
  assert.ok(hook);
  return hook.id;
}

// They wait more than they work.
describe('Giving up', { concurrency: 4 }, () => {
  const retry = { ...quick.retry, giveUpMs: 1_000 };

  it('[WH7] what could not be delivered in time becomes dead letters, and the lane goes on', async () => {
    let down = true;
    await using receiver = await startReceiver(() => (down ? 503 : 200));
    const outbox = createOutbox();
    const one = app([{ url: receiver.url }]);
    await using worker = await givenWorker({ outbox, apps: [one], options: { retry } });
    await append(outbox, occupied('a'), vacated('a'));
    await worker.told.until(() => worker.told.abandoned() === 2, 'giving up');
    down = false;
    await append(outbox, occupied('b'));
    await receiver.until(() => receiver.took.length === 1, 'the event behind');
    assert.equal(receiver.took[0]?.channel, 'b');
    const letters = await outbox.deadLetters(0, appId(), hookId(one), 10);
    assert.deepEqual(
      letters.map(({ entry, reason }) => [entry.event.name, reason]),
      [
        ['channel_occupied', 'status 503'],
        ['channel_vacated', 'status 503'],
      ],
    );
    assert.deepEqual(await outbox.deadLanes(0), [{ app: '1001', hook: hookId(one), letters: 2 }]);
    assert.equal((await outbox.backlog(0)).deadLetters, 2);
  });

  it('[WH7] the lanes of an endpoint that is down for long are given up without a request for each', async () => {
    await using receiver = await startReceiver(() => 500);
    const outbox = createOutbox(64);
    await using worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { retry: { ...retry, baseMs: 100, capMs: 100 }, maxEvents: 1 },
    });
    for (let partition = 0; partition < 64; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    const { told } = worker;
    await told.until(() => told.abandoned() === 64, 'giving up all of them');
    assert.ok(receiver.requests.length < 40, `${receiver.requests.length} requests`);
  });

  it('[WH25] what finds too many before it becomes a dead letter at once, and the other hooks get it', async () => {
    await using receiver = await startReceiver();
    await using stuck = await startReceiver(() => 500);
    const outbox = createOutbox(1, { laneEvents: 2 });
    const one = app([{ url: stuck.url }, { url: receiver.url }]);
    await using worker = await givenWorker({ outbox, apps: [one] });
    const { told } = worker;
    // One at a time, so that the lane of the hook that works is never full.
    for (const [index, channel] of ['a', 'b', 'c', 'd'].entries()) {
      await append(outbox, occupied(channel));
      await receiver.until(() => receiver.took.length === index + 1, `the event of ${channel}`);
      await told.until(
        () => told.attempts.filter(({ kind }) => kind === '2xx').length === index + 1,
        'the acknowledgement',
      );
    }
    const letters = await outbox.deadLetters(0, appId(), hookId(one), 10);
    assert.deepEqual(
      letters.map(({ entry, reason }) => [entry.event.channel, reason]),
      [
        ['c', LANE_FULL],
        ['d', LANE_FULL],
      ],
    );
    assert.deepEqual(
      told.lines.filter((line) => line.startsWith('overflowed')),
      [`overflowed ${hookId(one)}: 1`, `overflowed ${hookId(one)}: 1`],
    );
    assert.deepEqual(await outbox.deadLetters(0, appId(), hookId(one, 1), 10), []);
  });

  it('[WH8] dead letters are delivered when they are replayed, with their ids, to another address too', async () => {
    await using receiver = await startReceiver();
    const gone = app([{ url: await deadUrl() }]);
    const fixed = app([{ url: receiver.url }]);
    const apps = createMemoryAppRegistry([gone]);
    const outbox = createOutbox();
    await using worker = await givenWorker({ outbox, apps, options: { retry } });
    await append(outbox, occupied('a'), vacated('a'), occupied('b'));
    await worker.told.until(() => worker.told.abandoned() === 3, 'giving up');
    const letters = await outbox.deadLetters(0, appId(), hookId(gone), 10);
    apps.replace([fixed]);
    const from = { app: appId(), hook: hookId(gone) };
    assert.equal(await outbox.replay(0, from, hookId(fixed), 2), 2);
    assert.equal(await outbox.replay(0, from, hookId(fixed), 2), 0, 'one replay at a time');
    await receiver.until(() => receiver.took.length === 2, 'the first two');
    await worker.told.until(
      () => worker.told.attempts.some(({ kind }) => kind === '2xx'),
      'the acknowledgement',
    );
    assert.deepEqual(
      receiver.tookIds,
      letters.slice(0, 2).map(({ entry }) => entry.id),
    );
    assert.deepEqual(await outbox.deadLanes(0), [{ ...from, letters: 1 }]);
  });

  it('[WH8] what is replayed in vain can be replayed again', async () => {
    let down = true;
    await using receiver = await startReceiver(() => (down ? 500 : 200));
    const one = app([{ url: receiver.url }]);
    const outbox = createOutbox();
    await using worker = await givenWorker({ outbox, apps: [one], options: { retry } });
    await append(outbox, occupied('a'));
    await worker.told.until(() => worker.told.abandoned() === 1, 'giving up');
    const from = { app: appId(), hook: hookId(one) };
    assert.equal(await outbox.replay(0, from, from.hook, 10), 1);
    const before = receiver.requests.length;
    await worker.told.until(() => worker.told.abandoned() === 2, 'giving up again');
    assert.ok(receiver.requests.length > before, 'it was tried');
    down = false;
    const again = { app: appId(), hook: replayLane(from.hook) };
    assert.deepEqual(await outbox.deadLanes(0), [{ ...again, letters: 1 }]);
    assert.equal(await outbox.replay(0, again, from.hook, 10), 1);
    await receiver.until(() => receiver.took.length === 1, 'the event');
  });

  it('[WH17] lanes of a hook that is no more wait for a worker that knows it, and are given up in the end', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    const one = app([{ url: receiver.url }]);
    const apps = createMemoryAppRegistry([app([])]);
    await using worker = await givenWorker({ outbox, apps, options: { retry } });
    const entries = async (): Promise<void> => {
      await append(outbox, occupied('a'));
      const [from] = (await poll(outbox, 0)).unrouted;
      assert.ok(from);
      await outbox.route(0, from, [{ hook: hookId(one), entries: from.entries }]);
    };
    // Into the lane before the worker, which would drop what it knows no hook for, has seen it.
    await entries();
    await worker.told.until(() => worker.told.lines.includes('unknown hook'), 'the wait');
    apps.replace([one]);
    await receiver.until(() => receiver.took.length === 1, 'the event');
    apps.replace([app([])]);
    await entries();
    await worker.told.until(
      () => worker.told.lines.includes('abandoned 1: there is no such webhook any more'),
      'giving up',
    );
    assert.equal((await outbox.deadLanes(0))[0]?.letters, 1);
  });

  it('[WH17] events of an app that nobody knows wait, and are dropped in the end', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    const apps = createMemoryAppRegistry([]);
    await using worker = await givenWorker({ outbox, apps, options: { retry } });
    await append(outbox, occupied('a'));
    await worker.told.until(() => worker.told.lines.includes('tended'), 'a look at the partition');
    apps.replace([app([{ url: receiver.url }])]);
    await receiver.until(() => receiver.took.length === 1, 'the event');
    apps.replace([]);
    await append(outbox, occupied('b'), vacated('b'));
    await worker.told.until(
      () => worker.told.lines.some((line) => line.startsWith('unknown app')),
      'dropping',
    );
    const { unrouted } = await outbox.backlog(0);
    assert.ok(unrouted <= 1);
  });

  it('[WH27] a worker whose clock is hours ahead of the store gives up and drops nothing too soon', async () => {
    let down = true;
    await using receiver = await startReceiver(() => (down ? 503 : 200));
    const outbox = createOutbox(1, {}, () => Date.now() - 5 * HOUR_MS);
    const one = app([{ url: receiver.url }]);
    const apps = createMemoryAppRegistry([]);
    const options = { retry: { ...quick.retry, capMs: 20 } };
    await using worker = await givenWorker({ outbox, apps, options });
    await append(outbox, occupied('a'));
    const looks = (): number => worker.told.lines.filter((line) => line === 'tended').length;
    // The second look is after the first has come to an end.
    await worker.told.until(() => looks() >= 2, 'a look at the partition');
    apps.replace([one]);
    await worker.told.until(() => worker.told.attempts.length >= 5, 'attempts that fail');
    down = false;
    await receiver.until(() => receiver.took.length === 1, 'the event');
    assert.equal(worker.told.abandoned(), 0);
    assert.ok(!worker.told.lines.some((line) => line.startsWith('unknown app')));
  });

  it('[WH27] and one whose clock is hours behind gives up and drops in time', async () => {
    const outbox = createOutbox(1, {}, () => Date.now() + 5 * HOUR_MS);
    const apps = createMemoryAppRegistry([app([{ url: await deadUrl() }])]);
    await using worker = await givenWorker({ outbox, apps, options: { retry } });
    await append(outbox, occupied('a'));
    await worker.told.until(() => worker.told.abandoned() === 1, 'giving up');
    apps.replace([]);
    await append(outbox, occupied('b'));
    await worker.told.until(
      () => worker.told.lines.some((line) => line.startsWith('unknown app')),
      'dropping',
    );
  });
});
