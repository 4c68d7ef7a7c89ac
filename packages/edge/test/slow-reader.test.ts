import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { RawClient, wsFrame } from './client.ts';
import { startTestEdge } from './edge-under-test.ts';
import { within } from './inbox.ts';

describe('A socket that does not read', () => {
  it('[CN11] is closed once its buffer is full, and its neighbour gets everything', async () => {
    await using edge = await startTestEdge({ listener: { maxBackpressureBytes: 65_536 } });
    await using neighbour = await edge.connect();
    await neighbour.join('lobby');
    await using stuck = await RawClient.open(edge.edge.port, '/app/main-key');
    stuck.write(wsFrame('{"event":"pusher:subscribe","data":{"channel":"lobby"}}'));
    await edge.until(({ subscriptions }) => subscriptions === 2, 'both are subscribed');
    const filler = 'x'.repeat(10_000);
    let published = 0;
    while (edge.counters.connections === 2) {
      assert.ok(published < 6400, 'more than 64 MB wait for a socket that reads nothing');
      for (let count = 0; count < 32; count += 1) {
        const event = edge.trigger('lobby', { data: `${(published += 1)} ${filler}` });
        assert.equal(await neighbour.next(), await event);
      }
    }
    assert.ok(edge.counters.framesDropped > 0, 'what was thrown away is counted');
    const ended = once(stuck.socket, 'close');
    stuck.socket.resume();
    await within(ended, 'waited for the end of the stuck socket');
    const marker = await edge.trigger('lobby');
    assert.equal(await neighbour.next(), marker);
    assert.equal(edge.counters.subscriptions, 1, 'what it was subscribed to is let go');
  });

  it('[CN11] the same for answers to its own frames', async () => {
    await using edge = await startTestEdge({ listener: { maxBackpressureBytes: 65_536 } });
    await using neighbour = await edge.connect();
    await using stuck = await RawClient.open(edge.edge.port, '/app/main-key');
    const question = wsFrame(JSON.stringify({ event: '?'.repeat(190) }));
    const questions = Buffer.concat(Array.from({ length: 1000 }, () => question));
    for (let round = 0; edge.counters.connections === 2; round += 1) {
      assert.ok(round < 200, 'more than 50 MB of answers wait for a socket that reads nothing');
      const { framesIn } = edge.counters;
      stuck.write(questions);
      await edge.until(
        (now) => now.framesIn >= framesIn + 1000 || now.connections === 1,
        'the edge has answered or closed',
      );
    }
    await neighbour.nothingBefore('a neighbour is not disturbed');
    assert.equal(edge.counters.connections, 1);
  });
});
