import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClaimedLane, type Outbox } from '@fanfare/core';
import {
  app,
  append,
  appId,
  clientEvent,
  createOutbox,
  givenWorker,
  listenTo,
  occupied,
  poll,
  quick,
  vacated,
} from './given.ts';
import { startReceiver, type Received, type Reply } from './receiver.ts';

/** An outbox whose answers stop to arrive, as a process that is gone hears nothing. */
function leaving(outbox: Outbox): { readonly outbox: Outbox; die(): void } {
  let gone = false;
  const never = new Promise<never>(() => {});
  return {
    outbox: new Proxy(outbox, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        return gone && typeof value === 'function' ? () => never : value;
      },
    }),
    die() {
      gone = true;
    },
  };
}

async function away(): Promise<never> {
  throw new Error('the store is away');
}

/** The same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

// They wait more than they work.
describe('A worker that ends', { concurrency: 4 }, () => {
  it('[WH15] between request and acknowledgement: the same events with the same ids go to the next', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    const apps = [app([{ url: receiver.url }])];
    const doomed = leaving(outbox);
    receiver.answer = () => {
      doomed.die();
      return 200;
    };
    const options = { leaseMs: 400, timeoutMs: 200 };
    const first = await givenWorker({ outbox: doomed.outbox, apps, options });
    await append(outbox, occupied('a'), vacated('a'));
    await receiver.until(() => receiver.requests.length === 1, 'the first request');
    receiver.answer = () => 200;
    await using _second = await givenWorker({ outbox, apps, options });
    await append(outbox, occupied('b'));
    await receiver.until(() => receiver.took.some(({ channel }) => channel === 'b'), 'the marker');
    const [before, after] = receiver.requests;
    assert.ok(before && after);
    assert.deepEqual(after.ids.slice(0, 2), before.ids);
    assert.deepEqual(after.events.slice(0, 2), before.events);
    await first.stop('at-once');
  });

  it('[WH15] a worker that was away for too long sends nothing that another has by now', async () => {
    await using receiver = await startReceiver(() => 500);
    const outbox = createOutbox();
    const apps = [app([{ url: receiver.url }])];
    const told = listenTo();
    let frozen = false;
    // Its renewals get nowhere, as those of a process that stands still.
    const freezing: Outbox = {
      ...outbox,
      poll: async (partition, wanted) =>
        outbox.poll(partition, { ...wanted, lanes: frozen ? 0 : wanted.lanes }),
      renew: async (...args) => (frozen ? away() : outbox.renew(...args)),
    };
    const options = { leaseMs: 300, timeoutMs: 100 };
    await using _first = await givenWorker({ outbox: freezing, apps, options, told });
    await append(outbox, occupied('a'));
    await receiver.until(() => receiver.requests.length === 2, 'attempts of the first');
    frozen = true;
    const before = receiver.requests.length;
    await told.until(() => told.lines.includes('claim lost'), 'noticing the loss');
    const tried = receiver.requests.length - before;
    receiver.answer = () => 200;
    await using _second = await givenWorker({ outbox, apps });
    await receiver.until(() => receiver.took.length > 0, 'the event, by the second');
    assert.ok(tried < 30);
    await append(outbox, occupied('marker'));
    await receiver.until(
      () => receiver.took.some(({ channel }) => channel === 'marker'),
      'the marker',
    );
    assert.equal(new Set(receiver.tookIds).size, 2);
  });

  it('[WH15] a worker whose claim another has taken sends nothing more of it', async () => {
    await using receiver = await startReceiver(() => 500);
    const outbox = createOutbox();
    const apps = [app([{ url: receiver.url }])];
    const told = listenTo();
    let taken = false;
    const robbed: Outbox = {
      ...outbox,
      poll: async (partition, wanted) =>
        outbox.poll(partition, { ...wanted, lanes: taken ? 0 : wanted.lanes }),
      renew: async (...args) => (taken ? false : outbox.renew(...args)),
    };
    const options = { leaseMs: 300, timeoutMs: 100 };
    await using _first = await givenWorker({ outbox: robbed, apps, options, told });
    await append(outbox, occupied('a'));
    await receiver.until(() => receiver.requests.length === 2, 'attempts of the first');
    taken = true;
    await told.until(() => told.lines.includes('claim lost'), 'noticing the loss');
    receiver.answer = () => 200;
    await using _second = await givenWorker({ outbox, apps });
    await receiver.until(() => receiver.took.length > 0, 'the event, by the second');
    await append(outbox, occupied('marker'));
    await receiver.until(
      () => receiver.took.some(({ channel }) => channel === 'marker'),
      'the marker',
    );
    assert.deepEqual(
      receiver.took.map(({ channel }) => channel),
      ['a', 'marker'],
    );
  });

  it('[WH14] a worker keeps its claim through a pause that is longer than the lease', async () => {
    await using receiver = await startReceiver((_, index) =>
      index === 0 ? (response) => response.writeHead(503, { 'retry-after': '2' }).end() : 200,
    );
    const outbox = createOutbox();
    const apps = [app([{ url: receiver.url }])];
    const options = {
      leaseMs: 900,
      timeoutMs: 300,
      retry: { ...quick.retry, retryAfterCapMs: 1_500 },
    };
    await using _one = await givenWorker({ outbox, apps, options });
    await using _two = await givenWorker({ outbox, apps, options });
    await append(outbox, occupied('a'));
    await receiver.until(() => receiver.took.length === 1, 'the event');
    const [first, second] = receiver.requests;
    assert.ok(first && second);
    assert.equal(second.attempt, 2);
    assert.ok(second.atMs - first.atMs >= 1_490, 'nobody else sent it meanwhile');
  });

  it('[WH16] by a stop: the requests that are out end, and what waits goes to another worker', async () => {
    const answers: (() => void)[] = [];
    await using receiver = await startReceiver(
      () => (response) => void answers.push(() => response.end()),
    );
    const outbox = createOutbox(4);
    const apps = [app([{ url: receiver.url }])];
    const worker = await givenWorker({
      outbox,
      apps,
      options: { maxEvents: 1, timeoutMs: 5_000, leaseMs: 20_000 },
    });
    for (let partition = 0; partition < 4; partition += 1)
      await outbox.append(partition, appId(), occupied(`room-${partition}`));
    await receiver.until(() => receiver.requests.length === 1, 'a request');
    await worker.told.until(
      () => worker.told.lines.filter((l) => l === 'tended').length > 12,
      'claims',
    );
    const stopped = worker.stop('drain');
    answers[0]?.();
    await stopped;
    assert.equal(receiver.requests.length, 1);
    assert.equal(receiver.took.length, 1);
    const lanes: ClaimedLane[] = [];
    for (let partition = 0; partition < 4; partition += 1)
      lanes.push(...(await poll(outbox, partition, 'next')).lanes);
    assert.equal(lanes.length, 3, 'the others can be claimed at once');
    assert.ok(lanes.every(({ attempts }) => attempts === 0));
  });

  it('[WH16] in a pause after a failure: the attempt is remembered', async () => {
    await using receiver = await startReceiver(() => 500);
    const outbox = createOutbox();
    const apps = [app([{ url: receiver.url }])];
    const retry = { ...quick.retry, baseMs: 100_000, capMs: 100_000, retryAfterCapMs: 0 };
    const worker = await givenWorker({ outbox, apps, options: { retry } });
    await append(outbox, occupied('a'));
    await worker.told.until(() => worker.told.attempts.length === 1, 'an attempt');
    await worker.stop('drain');
    await worker.stop('drain');
    assert.equal((await outbox.backlog(0)).events, 1);
    assert.equal(receiver.requests.length, 1);
  });

  it('[WH5] with receivers that fail at random and workers that come and go, each event is had once by its id, in order', async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomFrom(seed);
    const replies: readonly Reply[] = [200, 200, 200, 204, 500, 503, 404, 302, 'close', 'hang'];
    const seen = new Map<string, number>();
    const had = new Map<string, string[]>();
    // It has understood the request, whatever it answers then: it must skip what it knows.
    const answer = ({ ids, events }: Received): Reply => {
      const reply = replies[Math.floor(random() * replies.length)] ?? 200;
      const isLostAnswer = reply === 'close' && random() < 0.5;
      if (reply !== 200 && reply !== 204 && !isLostAnswer) return reply;
      for (const [index, { channel, data }] of events.entries()) {
        const id = ids[index] ?? '';
        seen.set(id, (seen.get(id) ?? 0) + 1);
        if (seen.get(id) === 1) had.set(channel, [...(had.get(channel) ?? []), String(data)]);
      }
      return reply;
    };
    await using receiver = await startReceiver(answer);
    const outbox = createOutbox(8);
    const apps = [app([{ url: receiver.url }])];
    const options = { maxEvents: 6, timeoutMs: 60, leaseMs: 300 };
    const rounds = 40;
    const next = () => givenWorker({ outbox, apps, options });
    let workers = [await next(), await next()];
    for (let round = 0; round < rounds; round += 1) {
      for (let partition = 0; partition < 8; partition += 1)
        await outbox.append(partition, appId(), clientEvent(`private-${partition}`, `${round}`));
      if (round % 10 !== 9) continue;
      await receiver.until(() => seen.size >= 8 * (round - 5), `most of round ${round}`);
      const [oldest, ...others] = workers;
      workers = [...others, await next()];
      await oldest?.stop('drain');
    }
    await receiver.until(() => seen.size === 8 * rounds, `all events (seed ${seed})`);
    await Promise.all(workers.map((worker) => worker.stop('drain')));
    const inOrder = Array.from({ length: rounds }, (_, round) => String(round));
    for (let partition = 0; partition < 8; partition += 1)
      assert.deepEqual(had.get(`private-${partition}`), inOrder, `seed ${seed}`);
  });

  it('[WH19] a store that fails stops nothing for good', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    let isAway = false;
    const shaky: Outbox = {
      ...outbox,
      poll: async (...args) => (isAway ? away() : outbox.poll(...args)),
      acknowledge: async (...args) => (isAway ? away() : outbox.acknowledge(...args)),
      renew: async (...args) => (isAway ? away() : outbox.renew(...args)),
    };
    receiver.answer = () => {
      isAway = true;
      return 200;
    };
    const told = listenTo();
    await using _worker = await givenWorker({
      outbox: shaky,
      apps: [app([{ url: receiver.url }])],
      told,
    });
    await append(outbox, occupied('a'));
    await told.until(
      () => told.lines.filter((line) => line === 'store failed').length >= 2,
      'failures',
    );
    receiver.answer = () => 200;
    isAway = false;
    await append(outbox, vacated('a'));
    await receiver.until(() => receiver.took.length === 2, 'both events');
    assert.equal(new Set(receiver.tookIds).size, 2, 'the first was acknowledged in the end');
    assert.equal(receiver.requests.length, 2);
  });
});
