import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Slots } from '../src/slots.ts';

/** Takes slots one after the other and says which were had. */
function taker(slots: Slots): {
  readonly had: string[];
  readonly take: (name: string, host: string, proven?: boolean) => void;
  readonly free: (name: string) => Promise<void>;
} {
  const had: string[] = [];
  const frees = new Map<string, () => void>();
  return {
    had,
    take(name, host, proven = true) {
      void slots.take({ host, proven }).then((free) => {
        had.push(name);
        frees.set(name, free);
        return undefined;
      });
    },
    async free(name) {
      frees.get(name)?.();
      await settled();
    },
  };
}

/** All promises that could go on have done so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Slots', () => {
  it('[WH10] are bounded in all and for a host, and given in order past those that may not go yet', async () => {
    const { had, take, free } = taker(new Slots({ all: 3, perHost: 2 }));
    for (const name of ['a1', 'a2', 'a3']) take(name, 'a');
    for (const name of ['b1', 'b2']) take(name, 'b');
    await settled();
    assert.deepEqual(had, ['a1', 'a2', 'b1']);
    await free('b1');
    assert.deepEqual(had, ['a1', 'a2', 'b1', 'b2']);
    await free('a2');
    assert.deepEqual(had.slice(4), ['a3']);
  });

  it('[WH10] half of them are kept from endpoints that have not proved themselves', async () => {
    const { had, take, free } = taker(new Slots({ all: 4, perHost: 2 }));
    for (const host of ['a', 'b', 'c', 'd']) take(host, host, false);
    take('well', 'e');
    await settled();
    assert.deepEqual(had, ['a', 'b', 'well']);
    await free('well');
    assert.deepEqual(had.length, 3);
    await free('a');
    assert.deepEqual(had.slice(3), ['c']);
  });

  it('[WH10] one is always there for an endpoint that has not', async () => {
    const { had, take } = taker(new Slots({ all: 1, perHost: 1 }));
    take('a', 'a', false);
    await settled();
    assert.deepEqual(had, ['a']);
  });
});
