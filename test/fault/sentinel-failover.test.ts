import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import PusherServer from 'pusher';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import type { Frame, RawSocket } from '../raw-socket.ts';
import { inboxOf, subscribed } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { startSentinels } from '../support/sentinels.ts';
import { openClient, untilCounts, untilEventsFlow, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** From the fault to the first trigger that is taken again. */
const RECOVERED_MS = 15_000;
/** A heartbeat, and links that are opened again. */
const HEALED_MS = 8_000;
/** Of webhooks: pauses between attempts, and the wait for a replica. */
const DELIVERY_MS = 20_000;
const TRIGGER_EVERY_MS = 20;
/** Events after the recovery, all of which have to arrive. */
const MARKERS = 50;

const sentinels = await startSentinels();
after(() => sentinels[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
await sentinels.untilSteady();
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: sentinels.url,
  app: { webhooks: [{ url: receiver.url }] },
  // A master that was replaced and has not heard of it has no replica, and must not tell.
  env: { REDIS_REPLICAS: '1' },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
receiver.trust(sdk);

/** What comes of triggers that are sent without a pause, and what each listener hears of them. */
class Audit {
  readonly accepted: number[] = [];
  /** When triggers were taken and refused, by our clock. */
  readonly takenMs: number[] = [];
  readonly refusedMs: number[] = [];
  readonly #channel: string;
  readonly #heard: number[][] = [];
  #next = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(channel: string) {
    this.#channel = channel;
  }

  listen({ transport }: RawSocket): void {
    const heard: number[] = [];
    this.#heard.push(heard);
    transport.on('message', (bytes: Buffer) => {
      const { event, data } = JSON.parse(bytes.toString()) as Frame;
      if (event === 'numbered') heard.push(Number(data));
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async trigger(): Promise<void> {
    const number = this.#next;
    this.#next += 1;
    try {
      await sdk.trigger(this.#channel, 'numbered', String(number));
      this.accepted.push(number);
      this.takenMs.push(performance.now());
    } catch (error) {
      if (!(error instanceof PusherServer.RequestError) || error.status !== 503) throw error;
      this.refusedMs.push(performance.now());
    }
  }

  /** Publishes more and waits until every listener has heard them, in order. */
  async expectAll(count: number): Promise<void> {
    const from = this.#next;
    for (let n = 0; n < count; n += 1) await this.trigger();
    const expected = Array.from({ length: count }, (_, n) => from + n);
    for (const heard of this.#heard) {
      await eventually(
        () => heard.includes(from + count - 1),
        () => `the last of ${count} events did not arrive`,
      );
      assert.deepEqual(
        heard.filter((number) => number >= from),
        expected,
      );
    }
  }

  describe(): string {
    const each = this.#heard.map((heard) => {
      const lost = this.accepted.filter((number) => !heard.includes(number)).length;
      return `lost ${lost}, doubled ${heard.length - new Set(heard).size}`;
    });
    return `${this.accepted.length} taken, ${this.refusedMs.length} refused; ${each.join('; ')}`;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.trigger();
      await pause(TRIGGER_EVERY_MS);
    }
  }
}

interface Fault {
  readonly how: string;
  /** Whether triggers are refused for a while. */
  readonly felt: boolean;
  readonly begin: (master: RedisServer) => Promise<void>;
  /** Once another is the master: makes of the old one a replica of it. */
  readonly end: (master: RedisServer) => Promise<void>;
}

async function failOver({ how, felt, begin, end }: Fault): Promise<void> {
  await sentinels.untilSteady();
  const [room, left, came] = [`presence-room-${how}`, `left-${how}`, `came-${how}`];
  const audit = new Audit(`audit-${how}`);
  const disturbances = new Inbox<unknown>('what clients noticed');
  const first = await openClient(cluster, 0, [room, `audit-${how}`], 'a');
  const second = await openClient(cluster, 1, [room, `audit-${how}`], 'b');
  const pusher = cluster.pusherJs(1);
  const news = inboxOf(await subscribed(pusher.subscribe(`news-${how}`)), 'e');
  pusher.connection.bind('state_change', disturbances.push);
  pusher.connection.bind('error', disturbances.push);
  const leaver = await openClient(cluster, 0, [left]);
  const comer = await openClient(cluster, 1, []);
  for (const socket of [first, second, comer]) void socket.closed.then(disturbances.push);
  for (const socket of [first, second]) audit.listen(socket);
  const stay = { [room]: 2, [`news-${how}`]: 1, [`audit-${how}`]: 2 };
  await untilCounts(sdk, { ...stay, [left]: 1, [came]: 0 });
  await receiver.storyOf(room, 3, DELIVERY_MS);
  await receiver.storyOf(left, 1, DELIVERY_MS);
  const fencesBefore = await fences();

  audit.start();
  const master = await sentinels.master();
  const beganMs = performance.now();
  await begin(master);
  // What happens meanwhile: one goes, one comes.
  await leaver[Symbol.asyncDispose]();
  comer.send('pusher:subscribe', { channel: came });
  await sentinels.untilReplaced(master);
  const replacedMs = performance.now();
  await eventually(
    () => (audit.takenMs.at(-1) ?? 0) > replacedMs,
    () => `triggers are refused still; ${audit.describe()}`,
    RECOVERED_MS,
  );
  const recoveredMs = (audit.refusedMs.at(-1) ?? beganMs) - beganMs;
  assert.ok(recoveredMs < RECOVERED_MS, `triggers were refused for ${recoveredMs} ms`);
  if (felt) assert.ok(audit.refusedMs.length > 0, 'no trigger was refused');
  await untilEventsFlow(cluster);
  await untilCounts(sdk, { ...stay, [left]: 0, [came]: 1 }, HEALED_MS);
  assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);

  await end(master);
  await sentinels.untilSteady();
  await untilEventsFlow(cluster);
  await audit.stop();
  await audit.expectAll(MARKERS);
  await sdk.trigger(`news-${how}`, 'e', 'new');
  assert.equal(await news.next(), 'new');
  await untilCounts(sdk, { ...stay, [left]: 0, [came]: 1 }, HEALED_MS);
  assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
  for (const edge of cluster.edges)
    assert.equal(await metric(edge, 'fanfare_state_losses_total'), 0);
  assert.equal(await fences(), fencesBefore, 'edges were written off');
  assert.equal(disturbances.size, 0, disturbances.describe());

  // The marker: what had been told as gone and come would stand before this.
  for (const socket of [first, second, comer]) await socket[Symbol.asyncDispose]();
  pusher.disconnect();
  const [up, down] = ['channel_occupied', 'channel_vacated'];
  for (const channel of [left, came, `news-${how}`, `audit-${how}`]) {
    await receiver.storyOf(channel, 2, DELIVERY_MS);
    assert.deepEqual(storyByIds(channel), [up, down], channel);
  }
  await receiver.storyOf(room, 6, DELIVERY_MS);
  assert.deepEqual(storyByIds(room).slice(3).toSorted(), [
    down,
    'member_removed a',
    'member_removed b',
  ]);
  process.stdout.write(
    `${how}: recovered after ${Math.round(recoveredMs)} ms; ${audit.describe()}\n`,
  );
}

async function fences(): Promise<number> {
  const each = cluster.edges.map(async (edge) => metric(edge, 'fanfare_state_fences_total'));
  return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
}

/** Events may come twice, then with the same id. */
function storyByIds(channel: string): readonly string[] {
  const told = receiver.accepted(channel);
  const titles = receiver.story(channel);
  return titles.filter((_, at) => told.findIndex(({ id }) => id === told[at]?.id) === at);
}

describe('a master behind sentinels', () => {
  it('[RD20] is killed: no client notices, triggers are refused until another is the master, and all is right', () =>
    failOver({
      how: 'killed',
      felt: true,
      begin: (master) => master.kill(),
      end: (master) => sentinels.revive(master),
    }));

  it('[RD21] is told to hand over: the same', () =>
    failOver({
      how: 'replaced',
      felt: false,
      begin: () => sentinels.failover(),
      end: async () => {},
    }));

  it('[RD22] freezes, and goes on when another is the master: the same', () =>
    failOver({
      how: 'frozen',
      felt: true,
      begin: async (master) => master.freeze(),
      end: async (master) => master.thaw(),
    }));
});
