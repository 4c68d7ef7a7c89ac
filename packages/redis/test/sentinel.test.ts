import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  openRedisApps,
  openRedisAppStore,
  openRedisBus,
  openRedisPublisher,
  openRedisRosterFeed,
  openRedisState,
  type RedisBusOptions,
} from '../src/index.ts';
import { assertFails, key, message, openBus, optionsFor } from './bus-under-test.ts';
import { startFakeSentinel, urlOf, type FakeSentinel, type Known } from './fake-sentinel.ts';
import { Inbox, within } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis, type RedisServer } from './redis-server.ts';

const one = await startRedis();
after(() => one[Symbol.asyncDispose]());
const two = await startRedis();
after(() => two[Symbol.asyncDispose]());

/** Asked so seldom that only a connection that is lost has the master looked for. */
const NEVER = { sentinelMs: 3_600_000 };
const SOON = { sentinelMs: 20 };

/** Names of the connections to a server, without those of the test. */
async function links({ client }: RedisServer): Promise<readonly string[]> {
  const list = String(await client.client('LIST'));
  return [...list.matchAll(/ name=test:(\S+) /g)].map(([, name]) => name ?? '').toSorted();
}

const PATIENCE_MS = 10_000;

async function untilLinks(server: RedisServer, names: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await links(server);
    if (found.join() === names.join()) return;
    if (performance.now() > deadlineMs) assert.deepEqual(found, names);
    await pause(5);
  }
}

/** A server that becomes a replica must not leave a file behind. */
const IN_MEMORY = ['--repl-diskless-load', 'swapdb'];
const BOTH = ['commands', 'subscriber'];

interface Sentinels extends AsyncDisposable {
  readonly all: readonly [FakeSentinel, ...FakeSentinel[]];
  readonly url: string;
  /** All of them. */
  knows(known: Known): void;
}

/** They name the first server unless told otherwise. */
async function startSentinels(count: number, port = one.port): Promise<Sentinels> {
  const knows = { port, epoch: 1 };
  const first = await startFakeSentinel({ knows });
  const all: [FakeSentinel, ...FakeSentinel[]] = [first];
  while (all.length < count) all.push(await startFakeSentinel({ knows }));
  return {
    all,
    url: urlOf(all),
    knows(known) {
      for (const sentinel of all) sentinel.knows(known);
    },
    async [Symbol.asyncDispose]() {
      for (const sentinel of all) await sentinel[Symbol.asyncDispose]();
    },
  };
}

const deaf = { onMessage(): void {}, onUp(): void {} };
const noChanges = { onChange(): void {}, onCount(): void {}, onGap(): void {} };
const noTrouble = { refused(): void {}, recovered(): void {}, restored(): void {} };
const openers: Readonly<Record<string, (options: RedisBusOptions) => Promise<AsyncDisposable>>> = {
  bus: (options) => openRedisBus(options, deaf),
  publisher: openRedisPublisher,
  state: openRedisState,
  'roster feed': (options) => openRedisRosterFeed(options, noChanges),
  'source of apps': (options) => openRedisApps(options, noTrouble),
  'store of apps': openRedisAppStore,
};

describe('The master behind sentinels', () => {
  for (const [what, open] of Object.entries(openers)) {
    it(`[RD3] a ${what} is at the server that they name, and at the next one when they name another`, async () => {
      await using sentinels = await startSentinels(1);
      await using _opened = await open(optionsFor(sentinels.url, SOON));
      const names = await links(one);
      assert.ok(names.includes('commands'));
      sentinels.knows({ port: two.port, epoch: 2 });
      await untilLinks(two, names);
      await untilLinks(one, []);
    });
  }

  it('[RD3] a bus that has moved publishes and hears, also what it was subscribed to before', async () => {
    await using sentinels = await startSentinels(3);
    await using under = await openBus(sentinels.url, SOON);
    await under.bus.subscribe(key('lobby'));
    await two.client.script('FLUSH');
    sentinels.knows({ port: two.port, epoch: 2 });
    assert.deepEqual([await under.ups.next(), await under.ups.next()], [false, true]);
    const said = message();
    await under.bus.publish([said]);
    assert.equal((await under.heard.next()).frame, said.frame);
    await untilLinks(two, BOTH);
  });

  it('[RD3] a state that has moved is carried out by the new one', async () => {
    await using sentinels = await startSentinels(1);
    const ups = new Inbox<boolean>('change of the link');
    const onUp = ups.push;
    await using state = await openRedisState({ ...optionsFor(sentinels.url, SOON), onUp });
    await two.client.flushall();
    sentinels.knows({ port: two.port, epoch: 2 });
    assert.deepEqual([await ups.next(), await ups.next()], [false, true]);
    assert.equal((await state.register(1, 'one')).fenced, false);
    assert.ok((await two.client.keys('*lease')).length === 1);
  });

  it('[RD4] they are asked before every connection', async () => {
    await using sentinels = await startSentinels(3);
    await using proxy = await startLinkProxy(one.port);
    const port = Number(new URL(proxy.url).port);
    sentinels.knows({ port, epoch: 1 });
    await using under = await openBus(sentinels.url, NEVER);
    await untilLinks(one, BOTH);
    sentinels.knows({ port: two.port, epoch: 2 });
    proxy.drop('commands');
    assert.deepEqual([await under.ups.next(), await under.ups.next()], [false, true]);
    // What one link learns the other hears as well.
    await untilLinks(two, BOTH);
    await untilLinks(one, []);
  });

  it('[RD5] the latest knowledge counts, and a sentinel that was cut off is not believed', async () => {
    await using sentinels = await startSentinels(3);
    const [stale, gone, late] = sentinels.all;
    // One does not answer, so that of both others the answer is waited for.
    await gone?.[Symbol.asyncDispose]();
    late?.knows({ port: two.port, epoch: 7 });
    await using _under = await openBus(sentinels.url, SOON);
    await untilLinks(two, BOTH);
    // It is the first one that is asked again and again, and it says otherwise.
    const askedBefore = stale.asked;
    const asked = async (): Promise<void> => {
      while (stale.asked < askedBefore + 5) await pause(5);
    };
    await within(asked(), 'nobody asked the sentinel that was cut off');
    assert.deepEqual(await links(two), BOTH);
    assert.deepEqual(await links(one), []);
  });

  it('[RD5] more than half are enough: one that answers nothing holds nobody up', async () => {
    await using sentinels = await startSentinels(3);
    sentinels.all[0].freeze();
    const opening = openRedisPublisher(optionsFor(sentinels.url, { commandMs: 60_000 }));
    await using publisher = await within(opening, 'one frozen sentinel was waited for');
    await publisher.publish([message()]);
  });

  it('[RD5] another one is asked for news when the one that was does not answer', async () => {
    await using sentinels = await startSentinels(3);
    const limits = { ...SOON, commandMs: 100 };
    await using _under = await openBus(sentinels.url, limits);
    sentinels.all[0].freeze();
    await sentinels.all[1]?.[Symbol.asyncDispose]();
    sentinels.all[2]?.knows({ port: two.port, epoch: 2 });
    await untilLinks(two, BOTH);
  });

  it('[RD6] a server that is no master is not used before it is one', async () => {
    await using replica = await startRedis(...IN_MEMORY, '--replicaof', `127.0.0.1 ${one.port}`);
    await using sentinels = await startSentinels(1, replica.port);
    const warnings = new Inbox<object>('warning');
    const options = optionsFor(sentinels.url);
    const log = { ...options.log, warn: warnings.push };
    const opening = openRedisPublisher({ ...options, log });
    const { reason } = (await warnings.next()) as { readonly reason: string };
    assert.equal(reason, `127.0.0.1:${replica.port} is slave and no master`);
    await replica.client.replicaof('NO', 'ONE');
    await using publisher = await within(opening, 'it was not opened');
    await publisher.publish([message()]);
  });

  it('[RD7] a master that becomes a replica is left when it refuses a write, whoever named it', async () => {
    for (const how of ['sentinel', 'plain']) {
      await using mortal = await startRedis(...IN_MEMORY);
      await using sentinels = await startSentinels(1, mortal.port);
      const options = optionsFor(how === 'plain' ? mortal.url : sentinels.url, NEVER);
      const warnings = new Inbox<string>('warning');
      const warn = (_fields: object, sentence: string): void => warnings.push(sentence);
      await using publisher = await openRedisPublisher({
        ...options,
        log: { ...options.log, warn },
      });
      await mortal.client.replicaof('127.0.0.1', one.port);
      if (how === 'sentinel') sentinels.knows({ port: two.port, epoch: 2 });
      await assertFails(publisher.publish([message()]), 'unavailable');
      assert.match(await warnings.next(), /lost the connection to Redis/);
      if (how === 'plain') await mortal.client.replicaof('NO', 'ONE');
      const works = async (): Promise<void> => {
        while (!publisher.up) await pause(5);
        await publisher.publish([message()]);
      };
      await within(works(), 'it does not publish again');
    }
  });

  it('[RD11] a frozen master is left by the probes alone, also where nobody publishes', async () => {
    await using mortal = await startRedis();
    await using sentinels = await startSentinels(1, mortal.port);
    await using under = await openBus(sentinels.url, NEVER);
    await under.bus.subscribe(key('lobby'));
    const frozenMs = performance.now();
    mortal.freeze();
    sentinels.knows({ port: two.port, epoch: 2 });
    assert.equal(await under.ups.next(10_000), false);
    assert.equal(await under.ups.next(10_000), true);
    assert.ok(performance.now() - frozenMs < 10_000, 'it took longer than ten seconds');
    const said = message();
    await under.bus.publish([said]);
    assert.equal((await under.heard.next()).frame, said.frame);
    assert.deepEqual(await links(two), BOTH);
  });

  it('[RD12] nothing is left of a closed one, not at the sentinels either', async () => {
    await using sentinels = await startSentinels(3);
    const { bus } = await openBus(sentinels.url, SOON);
    await bus[Symbol.asyncDispose]();
    await untilLinks(one, []);
    const asked = sentinels.all.map((sentinel) => sentinel.asked);
    await pause(SOON.sentinelMs * 5);
    assert.deepEqual(
      sentinels.all.map((sentinel) => sentinel.asked),
      asked,
    );
  });
});
