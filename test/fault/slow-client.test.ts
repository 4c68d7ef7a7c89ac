import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { metric, startCluster } from '../cluster.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';

/** The least that may wait for one socket, so that few events are enough. */
const cluster = await startCluster({
  edges: 1,
  apis: 1,
  env: { EDGE_SOCKET_BUFFER_BYTES: '65536' },
});
after(() => cluster[Symbol.asyncDispose]());

/** More than the kernel's own buffers of a loopback connection hold, in events of 10 KB. */
const BATCHES_MAX = 400;

describe('a client that does not read', () => {
  it('[FT6] is closed, and nobody else loses or waits for anything', async () => {
    const sdk = cluster.serverSdk(0);
    const url = cluster.edgeUrl(0);
    await using slow = await openRawSocket(url);
    await using reader = await openRawSocket(url);
    await using other = await openRawSocket(url);
    await slow.subscribe('big');
    await reader.subscribe('big');
    await other.subscribe('small');
    slow.transport.pause();

    const data = 'x'.repeat(10_000);
    let sent = 0;
    for (let batch = 0; (await connections()) === 3; batch += 1) {
      assert.ok(batch < BATCHES_MAX, 'the edge keeps a socket that does not read');
      await sdk.triggerBatch(
        Array.from({ length: 10 }, (_, n) => ({
          channel: 'big',
          name: `event-${sent + n}`,
          data,
        })),
      );
      sent += 10;
      await sdk.trigger('small', 'tick', String(batch));
      assert.deepEqual(await other.frames.next(), {
        event: 'tick',
        channel: 'small',
        data: String(batch),
      });
      // It keeps up: all of the batch is here before the next one goes out.
      await expectEvents(reader, sent - 10, 10);
    }
    assert.equal(await connections(), 2);
    assert.ok((await metric(cluster.edges[0], 'fanfare_frames_dropped_total')) > 0);

    slow.transport.resume();
    const { code } = await slow.closed;
    // Behind all that it had not read. Every SDK comes back after this.
    assert.equal(code, 4100);
    assert.equal(await metric(cluster.edges[0], 'fanfare_slow_connections_closed_total'), 1);
    assert.equal(
      await metric(cluster.edges[0], 'fanfare_connections_closed_total', { code: '4100' }),
      1,
    );
    assert.deepEqual(await reader.untilPong(), []);
    await sdk.trigger('big', 'last', '');
    assert.equal((await reader.frames.next()).event, 'last');
  });
});

async function connections(): Promise<number> {
  return metric(cluster.edges[0], 'fanfare_connections');
}

async function expectEvents(socket: RawSocket, first: number, count: number): Promise<void> {
  const names = (await socket.frames.take(count)).map(({ event }) => event);
  assert.deepEqual(
    names,
    Array.from({ length: count }, (_, n) => `event-${first + n}`),
  );
}
