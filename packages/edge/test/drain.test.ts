import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { closeReasons } from '@fanfare/protocol';
import { drain } from '../src/drain.ts';
import { RawClient, wsFrame, type Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { within } from './inbox.ts';

const GOODBYE = closeReasons.draining.message;

describe('An edge that stops', { concurrency: true }, () => {
  it('[CN10] tells every socket 4200 and closes it with 4200, and accepts no new one', async () => {
    await using edge = await startTestEdge({ edge: { drainSeconds: 1 } });
    const clients = await connect(edge, 30);
    for (const client of clients) await client.join('lobby');
    const stopped = edge.edge.stop('drain');
    await using late = edge.open('/app/main-key');
    assert.equal((await late.closedWith()).code, 1006);
    await assert.rejects(late.next());
    for (const client of clients) await assertGoodbye(client);
    await stopped;
    assert.equal(edge.counters.connections, 0);
    assert.equal(edge.closings.length, clients.length, 'each is closed once');
  });

  it('[CN10] at once when it is told to, and again when it is asked twice', async () => {
    await using edge = await startTestEdge({ edge: { drainSeconds: 3600 } });
    const clients = await connect(edge, 10);
    await Promise.all([edge.edge.stop('at-once'), edge.edge.stop('drain')]);
    for (const client of clients) await assertGoodbye(client);
    assert.equal(edge.closings.length, clients.length);
    assert.equal(edge.edge.up, false);
  });

  it('[CN10] a subscription that waits for the bus keeps nobody', async () => {
    const bus = new ControlledBus();
    await using edge = await startTestEdge({ openBus: () => bus });
    await using client = await edge.connect();
    client.subscribe('lobby');
    const asked = await bus.asked.next();
    await edge.edge.stop('drain');
    await assertGoodbye(client);
    assert.ok(bus.closed, 'the bus is let go at last');
    asked.answer();
    await edge.until(({ channels }) => channels === 0, 'the channel was let go');
  });

  it('[CN10] a socket with much to read is still told', async () => {
    await using edge = await startTestEdge({
      edge: { drainSeconds: 1 },
      listener: { maxBackpressureBytes: 64 * 1_048_576 },
    });
    await using slow = await RawClient.open(edge.edge.port, '/app/main-key');
    slow.write(wsFrame('{"event":"pusher:subscribe","data":{"channel":"lobby"}}'));
    await slow.textUntil('subscription_succeeded');
    // More than the kernel takes for a socket that nobody reads.
    for (let count = 0; count < 2000; count += 1)
      await edge.trigger('lobby', { data: 'x'.repeat(10_000) });
    await edge.until(({ eventsOut }) => eventsOut === 2000, 'all were handed out');
    // Bytes that the edge has not read would make the kernel cut a socket that is closed on them.
    slow.write(wsFrame('{"event":"pusher:ping"}'));
    const stopped = edge.edge.stop('drain');
    const ended = once(slow.socket, 'close');
    assert.ok((await slow.textUntil(`\u0010h${GOODBYE}`)).includes('"code":4200'));
    slow.socket.resume();
    await Promise.all([stopped, within(ended, 'waited for the end of the slow socket')]);
  });
});

describe('Draining', { concurrency: true }, () => {
  it('[ED7] spreads the closes evenly over the window', async () => {
    const { leaving, closedMs } = setup(100);
    const startMs = performance.now();
    await drain(leaving, closeReasons.draining, 1000);
    const at = closedMs.map((ms) => ms - startMs);
    const early = at.filter((ms) => ms < 450).length;
    assert.ok(at.length === 100 && early <= 50, `${early} of 100 in the first half`);
    assert.ok(Math.max(...at) >= 850, 'the last ones stay until the end');
    for (let index = 10; index < 100; index += 10)
      assert.ok((at[index] ?? 0) - (at[index - 1] ?? 0) > 50, 'ten at a time');
  });

  it('[ED7] closes in random order', async () => {
    const { leaving, order } = setup(100);
    await drain(leaving, closeReasons.draining, 0);
    const first = order.splice(0);
    assert.deepEqual(
      first.toSorted((a, b) => a - b),
      Array.from(first, (_, index) => index),
    );
    const again = setup(100);
    await drain(again.leaving, closeReasons.draining, 0);
    assert.notDeepEqual(first, again.order);
  });

  it('[ED7] nobody to close is nothing to wait for', async () => {
    const startMs = performance.now();
    await drain(new Set(), closeReasons.draining, 3_600_000);
    assert.ok(performance.now() - startMs < 500);
  });

  it('[CN10] whoever comes while it drains is closed at the end', async () => {
    const { leaving, order, add } = setup(3);
    const drained = drain(leaving, closeReasons.draining, 200);
    add();
    await drained;
    assert.equal(order.length, 4);
    assert.equal(order.at(-1), 3);
  });
});

function setup(count: number): {
  readonly leaving: Set<{ close(): void }>;
  readonly order: number[];
  readonly closedMs: number[];
  readonly add: () => void;
} {
  const leaving = new Set<{ close(): void }>();
  const order: number[] = [];
  const closedMs: number[] = [];
  const add = (): void => {
    const number = leaving.size + order.length;
    const connection = {
      close(): void {
        order.push(number);
        closedMs.push(performance.now());
        leaving.delete(connection);
      },
    };
    leaving.add(connection);
  };
  for (let index = 0; index < count; index += 1) add();
  return { leaving, order, closedMs, add };
}

async function connect(edge: EdgeUnderTest, count: number): Promise<readonly Client[]> {
  return Promise.all(Array.from({ length: count }, () => edge.connect()));
}

async function assertGoodbye(client: Client): Promise<void> {
  assert.equal(await client.nextError(4200), GOODBYE);
  assert.deepEqual(await client.closedWith(), { code: 4200, reason: GOODBYE });
}
