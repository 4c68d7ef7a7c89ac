import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeReasons } from '@fanfare/protocol';
import type { ClientOptions } from 'ws';
import { addressKey, forwardedAddress } from '../src/addresses.ts';
import { UpgradePace } from '../src/upgrade-pace.ts';
import { startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { succeeded } from './client.ts';
import { Inbox } from './inbox.ts';

/** A pace with a clock that only the answers move: each takes two of the five milliseconds. */
class Crowd {
  nowMs = 0;
  readonly answered: string[] = [];
  readonly cancels = new Map<string, () => void>();
  readonly #pace: UpgradePace;

  constructor(waitingMax = 100) {
    const bounds = { sliceMs: 5, waitMs: 1_800, waitingMax };
    this.#pace = new UpgradePace(bounds, () => this.nowMs);
  }

  come(...names: readonly string[]): void {
    for (const name of names)
      this.#pace.run(() => {
        const cancel = this.#pace.pass((isTooMany) => {
          this.nowMs += 2;
          this.answered.push(isTooMany ? `${name} refused` : name);
        });
        if (cancel !== undefined) this.cancels.set(name, cancel);
      });
  }
}

describe('A crowd of connections', () => {
  it('[SL10] is answered as far as a turn has room, and the rest in the turns that follow', async () => {
    const crowd = new Crowd();
    crowd.come('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    assert.deepEqual(crowd.answered, ['a', 'b', 'c'], 'the third began with a millisecond left');
    assert.deepEqual([...crowd.cancels.keys()], ['d', 'e', 'f', 'g', 'h']);
    await nextTurn();
    assert.deepEqual(crowd.answered, ['a', 'b', 'c', 'd', 'e', 'f']);
    crowd.come('late');
    assert.equal(crowd.answered.length, 6, 'whoever comes later waits behind those who wait');
    await nextTurn();
    assert.deepEqual(crowd.answered.slice(6), ['g', 'h', 'late']);
    crowd.come('after');
    assert.deepEqual(crowd.answered.slice(9), ['after'], 'nobody waits any more');
  });

  it('[SL11] is refused what has waited for too long', async () => {
    const crowd = new Crowd();
    crowd.come('a', 'b', 'c', 'd', 'e');
    crowd.nowMs += 1_801;
    await nextTurn();
    assert.deepEqual(crowd.answered.slice(3), ['d refused', 'e refused']);
  });

  it('[SL11] is refused what finds too many waiting', async () => {
    const crowd = new Crowd(2);
    crowd.come('a', 'b', 'c', 'd', 'e', 'f');
    assert.deepEqual(crowd.answered.slice(3), ['f refused']);
    await nextTurn();
    assert.deepEqual(crowd.answered.slice(4), ['d', 'e']);
  });

  it('[SL12] forgets those who go', async () => {
    const crowd = new Crowd();
    crowd.come('a', 'b', 'c', 'd', 'e', 'f');
    crowd.cancels.get('e')?.();
    await nextTurn();
    assert.deepEqual(crowd.answered.slice(3), ['d', 'f']);
  });

  it('[SL11] real sockets get all that or an error 4100 and a close with 4100', async () => {
    const pace = { sliceMs: 0, waitMs: 0, waitingMax: 0 };
    await using edge = await startTestEdge({ listener: { pace } });
    await using client = edge.open('/app/main-key?protocol=7');
    assert.equal(await client.nextError(4100), 'Over capacity');
    assert.deepEqual(await client.closedWith(), { code: 4100, reason: 'Over capacity' });
    assert.equal(edge.counters.connections, 0);
  });

  it('[SL10] real sockets that had to wait are as good as others', async () => {
    const pace = { sliceMs: 0.000_001, waitMs: 60_000, waitingMax: 1_000 };
    await using edge = await startTestEdge({ listener: { pace } });
    const clients = await Promise.all(Array.from({ length: 50 }, () => edge.connect()));
    assert.ok(edge.counters.connectionsDelayed > 0, 'none had to wait');
    await Promise.all(clients.map((client) => client.join('lobby')));
    const event = await edge.trigger('lobby');
    for (const client of clients) assert.equal(await client.next(), event);
    for (const client of clients) await client[Symbol.asyncDispose]();
  });

  it('[SL12] real sockets that go while they wait leave nothing behind', async () => {
    const delayed = new Inbox<true>('connections that wait');
    const pace = { sliceMs: 0, waitMs: 60_000, waitingMax: 1_000 };
    const listener = { pace, onDelayed: () => delayed.push(true) };
    const edge = await startTestEdge({ listener });
    const gone = edge.open('/app/main-key');
    await delayed.next();
    gone.socket.terminate();
    await gone.closed;
    const left = edge.open('/app/main-key');
    await delayed.next();
    await edge[Symbol.asyncDispose]();
    assert.equal((await left.closedWith()).code, 1006);
  });

  it('[SL12] a real socket that speaks while it waits is let in, and answered in order', async () => {
    const delayed = new Inbox<true>('connections that wait');
    const pace = { sliceMs: 0, waitMs: 60_000, waitingMax: 1_000 };
    await using edge = await startTestEdge({
      listener: { pace, onDelayed: () => delayed.push(true) },
    });
    await using client = edge.open('/app/main-key');
    await delayed.next();
    assert.equal(edge.counters.connections, 0);
    await once(client.socket, 'open');
    client.subscribe('lobby');
    await client.established();
    assert.equal(await client.next(), succeeded('lobby'));
    await client.nothingBefore('it is greeted once');
  });

  it('[SL12] a defect costs the one that it happened on', async () => {
    const refused: string[] = [];
    const thrown = new Error('thrown while it is answered');
    const pace = { sliceMs: 0.000_001, waitMs: 60_000, waitingMax: 1_000 };
    await using edge = await startTestEdge({
      listener: { pace },
      events: {
        refused({ message }) {
          refused.push(message);
          if (refused.length === 2) throw thrown;
        },
      },
    });
    const clients = [0, 1, 2, 3].map(() => edge.open('/app/nobody'));
    const closes = await Promise.all(clients.map((client) => client.closedWith()));
    assert.deepEqual(
      closes.map(({ code }) => code).toSorted((a, b) => a - b),
      [1006, 4001, 4001, 4001],
    );
    assert.deepEqual(edge.defects.splice(0), [thrown]);
  });
});

describe('Connections from one address', () => {
  it('[SL13] are as many as it may have, and a close makes room', async () => {
    await using edge = await startTestEdge({ listener: { connectionsPerAddress: 2 } });
    await using first = await edge.connect();
    await using second = await edge.connect();
    await expectTooMany(edge, {});
    await using elsewhere = edge.open('/app/main-key', { localAddress: '127.0.0.2' });
    await elsewhere.established();
    second.socket.terminate();
    await edge.until(({ connections }) => connections === 2, 'the edge has seen it go');
    await using third = await edge.connect();
    await third.nothingBefore('there is room again');
    await expectTooMany(edge, {});
    await first.nothingBefore('the others stay');
  });

  it('[SL14] are counted by what the proxy says, where the edge is told so', async () => {
    const listener = { connectionsPerAddress: 1, addressFrom: 'forwarded-for' as const };
    await using edge = await startTestEdge({ listener });
    await using _first = await edge.connect(undefined, from('10.0.0.1'));
    await using _second = await edge.connect(undefined, from('10.0.0.1, 10.0.0.2'));
    await expectTooMany(edge, from('10.9.9.9, 10.0.0.2'));
    await using _direct = await edge.connect();
    await expectTooMany(edge, {});
  });

  it('[SL14] are not counted by what a client says of itself', async () => {
    await using edge = await startTestEdge({ listener: { connectionsPerAddress: 1 } });
    await using _first = await edge.connect();
    await expectTooMany(edge, { headers: { 'X-Forwarded-For': '10.0.0.1' } });
  });

  const same: readonly (readonly [text: string, key: string])[] = [
    ['127.0.0.1', '127.0.0.1'],
    [' 127.0.0.1 ', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['0000:0000:0000:0000:0000:ffff:7f00:0001', '127.0.0.1'],
    ['2001:0DB8:0000:0001:0000:0000:0000:0001', '2001:db8:0:1::/64'],
    ['2001:db8:0:1::2', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['unknown', 'unknown'],
    ['x'.repeat(1000), 'x'.repeat(45)],
  ];
  for (const [text, key] of same)
    it(`[SL14] ${text.slice(0, 45)} is counted as ${key}`, () =>
      assert.equal(addressKey(text), key));

  it('[SL14] of several that a proxy says the last one counts', () => {
    assert.equal(forwardedAddress('1.1.1.1,2.2.2.2, 3.3.3.3'), '3.3.3.3');
  });
});

function from(address: string): ClientOptions {
  return { headers: { 'X-Forwarded-For': address } };
}

async function expectTooMany(edge: EdgeUnderTest, options: ClientOptions): Promise<void> {
  const { code, message } = closeReasons.addressOverLimit;
  await using client = edge.open('/app/main-key', options);
  assert.equal(await client.nextError(code), message);
  assert.deepEqual(await client.closedWith(), { code, reason: message });
}
