import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { ClaimedLane, Outbox } from '@fanfare/core';
import {
  app,
  appId,
  clientEvent,
  createOutbox,
  givenWorker,
  inTime,
  occupied,
  quick,
} from './given.ts';
import { deadUrl, startReceiver } from './receiver.ts';

// They wait more than they work.
describe('A failing endpoint', { concurrency: 4 }, () => {
  it('[WH9] is sent one request at a time with growing pauses, however many lanes wait', async () => {
    let down = true;
    await using receiver = await startReceiver(() => (down ? 500 : 200));
    const outbox = createOutbox(64);
    await using worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { maxEvents: 1, retry: { ...quick.retry, baseMs: 100, capMs: 200 } },
    });
    for (let partition = 0; partition < 64; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    await receiver.until(() => receiver.requests.length === 6, 'six attempts');
    assert.equal(receiver.mostOpen, 1);
    const [first, last] = [receiver.requests[0], receiver.requests[5]];
    assert.ok(first && last && last.atMs - first.atMs > 20, 'there were pauses');
    down = false;
    await receiver.until(() => receiver.took.length === 64, 'all events after the recovery');
    const failed = worker.told.attempts.filter(({ kind }) => kind !== '2xx').length;
    assert.ok(failed < 16, `${failed} attempts failed, for 64 lanes`);
    assert.equal(new Set(receiver.tookIds).size, 64);
    assert.deepEqual(
      worker.told.lines.filter((line) => /^(failing|recovered)/.test(line)).length,
      2,
    );
  });

  it('[WH9] is not waited for with more lanes than it takes to try it', async () => {
    await using receiver = await startReceiver(() => 500);
    const inner = createOutbox(64);
    const held = new Set<number>();
    let most = 0;
    const letGo = ({ partition }: ClaimedLane): void => void held.delete(partition);
    const outbox: Outbox = {
      ...inner,
      poll: async (...args) => {
        const polled = await inner.poll(...args);
        for (const { partition } of polled.lanes) held.add(partition);
        most = Math.max(most, held.size);
        return polled;
      },
      release: async (lane, delayMs) => {
        await inner.release(lane, delayMs);
        letGo(lane);
      },
    };
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { maxEvents: 1, mergeMs: 1, retry: { ...quick.retry, baseMs: 200, capMs: 200 } },
    });
    await outbox.append(0, appId(), occupied('first'));
    await receiver.until(() => receiver.requests.length === 1, 'the first failure');
    for (let partition = 1; partition < 64; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    await receiver.until(() => receiver.requests.length === 4, 'three more');
    assert.ok(most > 0 && most <= 24, `${most} lanes were held`);
  });

  it('[WH10] delays nobody else, whether it hangs, refuses or fails', async () => {
    await using hanging = await startReceiver(() => 'hang');
    await using failing = await startReceiver(() => 500);
    await using well = await startReceiver();
    const bad = [hanging.url, failing.url, await deadUrl()];
    const outbox = createOutbox(16);
    const apps = [app([...bad, well.url].map((url) => ({ url })))];
    await using _worker = await givenWorker({
      outbox,
      apps,
      // A hanging request would take as long as all the rest of the test together.
      options: { timeoutMs: 15_000, leaseMs: 60_000 },
    });
    const rounds = 10;
    const startedMs = Date.now();
    for (let round = 0; round < rounds; round += 1) {
      for (let partition = 0; partition < 16; partition += 1)
        await outbox.append(partition, appId(), clientEvent(`private-${partition}`, `${round}`));
      await well.until(() => well.took.length === 16 * (round + 1), `round ${round}`);
    }
    assert.ok(Date.now() - startedMs < 14_000, 'nobody waited for the one that hangs');
    assert.equal(hanging.requests.length, 1);
    // So that the worker need not wait for it when it stops.
    await hanging[Symbol.asyncDispose]();
  });

  it('[WH10] never gets more requests at once than a host may, nor all hosts more than there may be', async () => {
    const held: (() => void)[] = [];
    let most = 0;
    let hold = false;
    const full = new EventEmitter();
    const answer = () => {
      most = Math.max(most, one.open + two.open);
      if (hold && most >= 5) full.emit('full');
      return hold ? (response: ServerResponse) => void held.push(() => response.end()) : 200;
    };
    await using one = await startReceiver();
    await using two = await startReceiver();
    Object.assign(one, { answer });
    Object.assign(two, { answer });
    const outbox = createOutbox(32);
    // Two hooks on the first host, one on the second.
    const hooks = [{ url: `${one.url}/a` }, { url: `${one.url}/b` }, { url: two.url }];
    await using _worker = await givenWorker({
      outbox,
      apps: [app(hooks)],
      options: { requests: 5, requestsPerHost: 3, maxEvents: 1, timeoutMs: 5_000, leaseMs: 20_000 },
    });
    const fill = async (): Promise<void> => {
      for (let partition = 0; partition < 32; partition += 1)
        await outbox.append(partition, appId(), occupied(`room-${partition}`));
    };
    await fill();
    await one.until(() => one.requests.length > 8, 'requests that widen the way');
    hold = true;
    const filled = once(full, 'full');
    await fill();
    await inTime(filled, 'a request in every slot');
    hold = false;
    for (const end of held) end();
    await one.until(() => one.took.length === 2 * 2 * 32, 'all events of the first host');
    await two.until(() => two.took.length === 2 * 32, 'all events of the second host');
    assert.equal(one.mostOpen, 3);
    assert.ok(two.mostOpen <= 3);
    assert.equal(most, 5);
  });

  it('[WH21] a request that is never taken holds up its own lanes only', async () => {
    await using receiver = await startReceiver(({ events }) =>
      events.some(({ channel }) => channel === 'poison') ? 400 : 200,
    );
    const outbox = createOutbox(8);
    await using _worker = await givenWorker({
      outbox,
      apps: [app([{ url: receiver.url }])],
      options: { maxEvents: 1 },
    });
    await outbox.append(0, appId(), occupied('poison'));
    await receiver.until(() => receiver.requests.length === 3, 'three attempts');
    const rounds = 5;
    for (let round = 0; round < rounds; round += 1) {
      for (let partition = 1; partition < 8; partition += 1)
        await outbox.append(partition, appId(), clientEvent(`private-${partition}`, `${round}`));
      await receiver.until(() => receiver.took.length === 7 * (round + 1), `round ${round}`);
    }
    const poison = receiver.requests.filter(({ events }) => events[0]?.channel === 'poison');
    assert.ok(poison.length > 3, 'it was tried on');
  });
});
