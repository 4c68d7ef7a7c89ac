import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { openRawSocket, type Frame } from '../raw-socket.ts';

const cluster = await startCluster({
  edges: 1,
  apis: 1,
  app: { slowConsumers: 'latest' },
  env: { EDGE_SOCKET_BUFFER_BYTES: '65536' },
});
after(() => cluster[Symbol.asyncDispose]());

/** More than the kernel's own buffers of a loopback connection hold, in events of 10 KB. */
const BATCHES_MAX = 400;

describe('a client that does not read, of an app that wants the latest', () => {
  it('[SL32] stays, and gets of each event the newest; nobody else loses anything', async () => {
    const sdk = cluster.serverSdk(0);
    const url = cluster.edgeUrl(0);
    await using slow = await openRawSocket(url);
    await using reader = await openRawSocket(url);
    await slow.subscribe('prices');
    await reader.subscribe('prices');
    slow.transport.pause();

    const filler = 'x'.repeat(10_000);
    let sent = 0;
    const batch = async (data: string): Promise<void> => {
      const events = Array.from({ length: 10 }, (_, n) => ({
        channel: 'prices',
        name: `price-${n % 2}`,
        data: `${sent + n} ${data}`,
      }));
      await sdk.triggerBatch(events);
      const read = await reader.frames.take(10);
      assert.deepEqual(
        read.map(numberOf),
        Array.from({ length: 10 }, (_, n) => sent + n),
      );
      sent += 10;
    };
    const held = async (): Promise<number> =>
      metric(cluster.edges[0], 'fanfare_slow_connections_held_total');
    for (let count = 0; (await held()) === 0; count += 1) {
      assert.ok(count < BATCHES_MAX, 'the edge never finds it slow');
      await batch(filler);
    }
    for (let count = 0; count < 20; count += 1) await batch('');
    assert.equal(await metric(cluster.edges[0], 'fanfare_connections'), 2);

    slow.transport.resume();
    const read = await slow.frames.takeUntil((frame) => numberOf(frame) === sent - 1);
    const numbers = read.map(numberOf);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    );
    assert.deepEqual(numbers.slice(-2), [sent - 2, sent - 1]);
    assert.ok(numbers.length <= sent - 198, 'what is old was skipped');
    await batch('');
    assert.equal((await slow.frames.take(10)).length, 10, 'it is back');
    assert.deepEqual(await slow.untilPong(), []);
    assert.equal(await metric(cluster.edges[0], 'fanfare_slow_connections_closed_total'), 0);
  });
});

function numberOf({ data }: Frame): number {
  return Number.parseInt(String(data), 10);
}
