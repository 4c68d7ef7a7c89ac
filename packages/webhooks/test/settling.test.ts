import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outbox } from '@fanfare/core';
import { workerOptions } from '../src/options.ts';
import { Settling, type Settled } from '../src/settling.ts';
import { app, append, appId, createOutbox, givenWorker, listenTo, occupied } from './given.ts';
import { startReceiver } from './receiver.ts';

const { settleMs, settleAgainMs } = workerOptions;

/** A store that answers as it is told to, and counts the questions. */
class Store {
  answers = false;
  fails = false;
  asked = 0;
  nowMs = 1_000_000;
  readonly #settling: Settling;

  constructor(mustSettle = false) {
    const outbox = {
      mustSettle,
      settle: async (): Promise<boolean> => {
        this.asked += 1;
        if (this.fails) throw new Error('the store is away');
        return this.answers;
      },
    };
    this.#settling = new Settling(outbox, workerOptions, () => this.nowMs);
  }

  async settle(afterMs: number, partitions: readonly number[] = [1]): Promise<Settled> {
    this.nowMs += afterMs;
    return this.#settling.settle(partitions);
  }

  /** Fails until it is overdue. */
  async wear(): Promise<void> {
    for (let left = settleMs; left > 0; left -= 500)
      assert.equal(await this.settle(500), 'unsettled');
    assert.equal(await this.settle(500), 'unsure');
  }
}

describe('Settling', () => {
  it('[WH28] fails for ten seconds in a row before it gives in', async () => {
    const store = new Store();
    assert.equal(await store.settle(0), 'unsettled');
    assert.equal(await store.settle(settleMs - 1), 'unsettled');
    store.answers = true;
    assert.equal(await store.settle(1), 'settled');
    store.answers = false;
    assert.equal(await store.settle(1), 'unsettled');
    assert.equal(await store.settle(settleMs - 1), 'unsettled');
    assert.equal(await store.settle(1), 'unsure');
  });

  it('[WH28] a store that does not answer at all says nothing of its replicas', async () => {
    const store = new Store();
    store.fails = true;
    for (let turn = 0; turn < 3; turn += 1) await assert.rejects(store.settle(settleMs), /away/);
    store.fails = false;
    assert.equal(await store.settle(1), 'unsettled');
  });

  it('[WH18] a batch of several partitions is settled when each of them is', async () => {
    const store = new Store();
    store.answers = true;
    assert.equal(await store.settle(0, [1, 2, 3]), 'settled');
    assert.equal(store.asked, 3);
    const half = new Settling({ settle: async (partition) => partition < 2 }, workerOptions);
    assert.equal(await half.settle([1, 2]), 'unsettled');
    assert.equal(await half.settle([1]), 'settled');
    assert.equal(await new Settling({}, workerOptions).settle([1]), 'settled');
  });

  it('[WH29] asks once a second then, and waits again as soon as the store answers', async () => {
    const store = new Store();
    await store.wear();
    const before = store.asked;
    for (let turn = 0; turn < 100; turn += 1)
      assert.equal(await store.settle(settleAgainMs / 10), 'unsure');
    assert.equal(store.asked - before, 10);
    store.answers = true;
    assert.equal(await store.settle(settleAgainMs), 'settled');
    assert.equal(await store.settle(1), 'settled');
    assert.equal(store.asked - before, 12);
    store.answers = false;
    assert.equal(await store.settle(1), 'unsettled');
  });

  it('[WH29] what failed long ago does not count', async () => {
    const store = new Store();
    await store.wear();
    assert.equal(await store.settle(60_000), 'unsure');
    assert.equal(await store.settle(60_001), 'unsettled');
    assert.equal(await store.settle(settleMs), 'unsure');
  });

  it('[WH30] a store that insists is asked for ever', async () => {
    const store = new Store(true);
    for (let turn = 0; turn < 100; turn += 1)
      assert.equal(await store.settle(settleMs / 10), 'unsettled');
    assert.equal(store.asked, 100);
  });
});

describe('The worker and a store that does not settle', () => {
  it('[WH18] sends nothing before the store has settled', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox(2);
    const asked: number[] = [];
    let answers = 0;
    const settling: Outbox = {
      ...outbox,
      settle: async (partition) => {
        asked.push(partition);
        answers += 1;
        assert.equal(receiver.requests.length, 0);
        if (answers === 1) return false;
        if (answers === 2) throw new Error('the store is away');
        return answers > 4;
      },
    };
    const told = listenTo();
    await using _worker = await givenWorker({
      outbox: settling,
      apps: [app([{ url: receiver.url }])],
      told,
    });
    await outbox.append(1, appId(), occupied('a'));
    await receiver.until(() => receiver.took.length === 1, 'the event');
    assert.deepEqual(asked, [1, 1, 1, 1, 1]);
    assert.equal(receiver.requests.length, 1);
    assert.equal(receiver.requests[0]?.attempt, 1);
  });

  it('[WH28] sends what the store does not settle all the same after a while, as it says', async () => {
    await using receiver = await startReceiver();
    let asked = 0;
    const outbox: Outbox = {
      ...createOutbox(),
      settle: async () => {
        asked += 1;
        return false;
      },
    };
    const told = listenTo();
    const apps = [app([{ url: receiver.url }])];
    await using _worker = await givenWorker({ outbox, apps, told, options: { settleMs: 300 } });
    await append(outbox, occupied('a'), occupied('b'));
    await receiver.until(() => receiver.took.length === 2, 'the events');
    assert.ok(asked > 2, `it was tried again, but only ${asked} times in all`);
    assert.ok(told.lines.includes('unsettled 2'), told.lines.join(', '));
    const before = asked;
    await append(outbox, occupied('c'));
    await receiver.until(() => receiver.took.length === 3, 'the next event');
    assert.ok(asked <= before + 1, 'nothing waits any more');
    assert.ok(told.lines.includes('unsettled 1'), told.lines.join(', '));
  });

  it('[WH30] sends nothing before a store that insists has settled, however long it takes', async () => {
    await using receiver = await startReceiver();
    let asked = 0;
    const outbox: Outbox = {
      ...createOutbox(),
      mustSettle: true,
      settle: async () => {
        assert.equal(receiver.requests.length, 0);
        asked += 1;
        return asked > 30;
      },
    };
    const told = listenTo();
    const apps = [app([{ url: receiver.url }])];
    await using _worker = await givenWorker({ outbox, apps, told, options: { settleMs: 0 } });
    await append(outbox, occupied('a'));
    await receiver.until(() => receiver.took.length === 1, 'the event');
    assert.equal(asked, 31);
    assert.ok(!told.lines.some((line) => line.startsWith('unsettled')), told.lines.join(', '));
  });
});
