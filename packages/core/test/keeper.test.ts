import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startKeeper } from '../src/index.ts';

const tended = { reconciled: 0, fenced: 0, reaped: 0 };

describe('keeper', () => {
  it('[OC30] tends every partition again and again, also behind one that fails', async () => {
    const counts = new Map<number, number>();
    const failures: unknown[] = [];
    let twice: (() => void) | undefined;
    const all = new Promise<void>((resolve) => {
      twice = resolve;
    });
    const store = {
      partitions: 45,
      tend: async (partition: number) => {
        counts.set(partition, (counts.get(partition) ?? 0) + 1);
        if (counts.size === 45 && [...counts.values()].every((count) => count >= 2)) twice?.();
        if (partition === 7) throw new Error('away');
        return tended;
      },
    };
    await using _keeper = startKeeper(store, (error) => failures.push(error));
    await all;
    assert.ok(failures.length >= 2);
  });

  it('[OC30] asks nothing more of a store that does not answer, and nothing once it is closed', async () => {
    const answers: (() => void)[] = [];
    let asked: (() => void) | undefined;
    const first = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const store = {
      partitions: 1,
      tend: async () =>
        new Promise<typeof tended>((resolve) => {
          answers.push(() => resolve(tended));
          asked?.();
        }),
    };
    const keeper = startKeeper(store, () => {});
    await first;
    const closed = keeper[Symbol.asyncDispose]();
    answers[0]?.();
    await closed;
    assert.equal(answers.length, 1);
  });
});
