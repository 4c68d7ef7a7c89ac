import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeReasons, errorFrame } from '@fanfare/protocol';
import { Farewells, type LeavingSocket } from '../src/farewells.ts';
import { RawClient, wsFrame } from './client.ts';
import { startTestEdge } from './edge-under-test.ts';
import { within } from './inbox.ts';

/** The payload of its close frame. */
const GOODBYE = `\u0010\u0004${closeReasons.slowConsumer.message}`;

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
    assert.equal(edge.counters.subscriptions, 1, 'what it was subscribed to is let go');
    const marker = await edge.trigger('lobby');
    assert.equal(await neighbour.next(), marker);
    const read = await stuck.textUntil(GOODBYE);
    assert.ok(read.includes(errorFrame(closeReasons.slowConsumer)));
    assert.ok(!read.includes(marker));
  });

  it('[SL1] gets nothing new, is gone from the counts at once, and is told 4100 when it has read all', async () => {
    await using edge = await startTestEdge({ listener: { maxBackpressureBytes: 65_536 } });
    await using stuck = await RawClient.open(edge.edge.port, '/app/main-key');
    stuck.write(wsFrame('{"event":"pusher:subscribe","data":{"channel":"lobby"}}'));
    await edge.until(({ subscriptions }) => subscriptions === 1, 'it is subscribed');
    const filler = 'x'.repeat(10_000);
    let published = 0;
    while (edge.counters.connections === 1) {
      assert.ok(published < 6400, 'more than 64 MB wait for a socket that reads nothing');
      await edge.trigger('lobby', { data: `number ${(published += 1)} ${filler}` });
      await nextTurn();
    }
    assert.deepEqual([edge.counters.subscriptions, edge.counters.slowClosed], [0, 1]);
    assert.deepEqual(
      edge.closings.map(({ reason }) => reason),
      [closeReasons.slowConsumer],
    );
    await using other = await edge.connect();
    await other.join('lobby');
    // What it sends is not acted upon either.
    stuck.write(wsFrame('{"event":"pusher:subscribe","data":{"channel":"room"}}'));
    const later = await edge.trigger('lobby');
    assert.equal(await other.next(), later);
    const read = await stuck.textUntil(GOODBYE);
    const numbers = [...read.matchAll(/number (\d+) /g)].map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      numbers.map((_, at) => at + 1),
      'what it reads is whole up to where it ends',
    );
    assert.ok(numbers.length > 0 && numbers.length < published);
    assert.ok(!read.includes(later) && !read.includes('room'));
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

describe('A socket whose buffer is full', () => {
  it('[SL2] is cut when it has not read in time', async () => {
    const farewells = new Farewells({ farewellMs: 1, farewellsMax: 1 });
    const socket = new FakeSocket();
    farewells.begin(socket, closeReasons.slowConsumer);
    await within(socket.closed, 'waited for the cut');
    assert.deepEqual(socket.said, ['-lobby', 'cut']);
  });

  it('[SL2] is not cut when it has read, and hears why only when it has read all', () => {
    const farewells = new Farewells({ farewellMs: 3_600_000, farewellsMax: 1 });
    const socket = new FakeSocket();
    farewells.begin(socket, closeReasons.slowConsumer);
    socket.waiting = 1;
    farewells.onDrain(socket);
    assert.deepEqual(socket.said, ['-lobby']);
    socket.waiting = 0;
    farewells.onDrain(socket);
    farewells.onDrain(socket);
    const { code, message } = closeReasons.slowConsumer;
    assert.deepEqual(socket.said, [
      '-lobby',
      errorFrame(closeReasons.slowConsumer),
      `${code} ${message}`,
    ]);
  });

  it('[SL3] is cut at once while too many others have not read yet, and not once they have', () => {
    const farewells = new Farewells({ farewellMs: 3_600_000, farewellsMax: 2 });
    const [first, second, third, fourth] = [0, 1, 2, 3].map(() => new FakeSocket());
    assert.ok(first && second && third && fourth);
    for (const socket of [first, second, third]) farewells.begin(socket, closeReasons.slowConsumer);
    assert.deepEqual([first.said, third.said], [['-lobby'], ['-lobby', 'cut']]);
    farewells.onClose(first);
    farewells.begin(fourth, closeReasons.slowConsumer);
    assert.deepEqual(fourth.said, ['-lobby']);
    farewells.onClose(second);
    farewells.onClose(fourth);
  });
});

class FakeSocket implements LeavingSocket {
  waiting = 2;
  readonly said: string[] = [];
  readonly closed: Promise<void>;
  #onClosed: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  getBufferedAmount(): number {
    return this.waiting;
  }

  getTopics(): readonly string[] {
    return ['lobby'];
  }

  unsubscribe(topic: string): boolean {
    return this.said.push(`-${topic}`) > 0;
  }

  send(frame: string): number {
    return this.said.push(frame);
  }

  end(code: number, reason: string): void {
    this.said.push(`${code} ${reason}`);
  }

  close(): void {
    this.said.push('cut');
    this.#onClosed();
  }
}
