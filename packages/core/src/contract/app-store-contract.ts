import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { AppStore } from '../ports/app-store.ts';

export interface StoreUnderTest extends AsyncDisposable {
  readonly store: AppStore;
  /** All of it is lost. */
  wipe(): Promise<void>;
}

/** What every store of apps means. The rules are in this package's SPEC.md. */
export function appStoreContract(
  implementation: string,
  openStore: () => Promise<StoreUnderTest>,
): void {
  describe(`App store contract: ${implementation}`, () => {
    it('[RG5] what was written is read, with a version that the next change makes another', async () => {
      await using under = await openStore();
      const { store } = under;
      assert.deepEqual(await store.read(undefined), { version: undefined, entries: new Map() });
      assert.equal(
        await store.change(undefined, changeOf('v1', { 1: 'one', 2: 'two "ü"\n' })),
        true,
      );
      assert.deepEqual(await store.read(undefined), {
        version: 'v1',
        entries: new Map([
          ['1', 'one'],
          ['2', 'two "ü"\n'],
        ]),
      });
      assert.equal(await store.change('v1', changeOf('v2', { 1: undefined, 3: 'three' })), true);
      const stored = await store.read('v1');
      assert.equal(stored?.version, 'v2');
      assert.deepEqual(Object.fromEntries(stored?.entries ?? []), { 2: 'two "ü"\n', 3: 'three' });
    });

    it('[RG5] who knows the version is told that nothing has changed', async () => {
      await using under = await openStore();
      await under.store.change(undefined, changeOf('v1', { 1: 'one' }));
      assert.equal(await under.store.read('v1'), undefined);
      assert.equal((await under.store.read('v0'))?.version, 'v1');
    });

    it('[RG6] a change for another version than there is does nothing', async () => {
      await using under = await openStore();
      const { store } = under;
      assert.equal(await store.change('v0', changeOf('v1', { 1: 'one' })), false);
      assert.equal(await store.change(undefined, changeOf('v1', { 1: 'one' })), true);
      for (const expected of [undefined, 'v0', 'v2'])
        assert.equal(await store.change(expected, changeOf('v2', { 1: 'other' })), false);
      assert.equal((await store.read(undefined))?.entries.get('1'), 'one');
    });

    it('[RG6] of many who change at once each change is kept, for each reads again when it was late', async () => {
      await using under = await openStore();
      const { store } = under;
      const append = async (word: string): Promise<void> => {
        for (;;) {
          const stored = await store.read(undefined);
          const words = stored?.entries.get('1') ?? '';
          const change = changeOf(randomUUID(), { 1: `${words} ${word}` });
          if (await store.change(stored?.version, change)) return;
        }
      };
      const words = Array.from({ length: 20 }, (_, index) => `w${index}`);
      await Promise.all(words.map(append));
      const text = (await store.read(undefined))?.entries.get('1') ?? '';
      assert.deepEqual(text.trim().split(' ').toSorted(), words.toSorted());
    });

    it('[RG6] a store that has lost everything is begun anew by one alone', async () => {
      await using under = await openStore();
      const { store } = under;
      await store.change(undefined, changeOf('v1', { 1: 'one' }));
      await under.wipe();
      assert.deepEqual(await store.read('v1'), { version: undefined, entries: new Map() });
      assert.equal(await store.change('v1', changeOf('v2', { 2: 'two' })), false);
      const begun = await Promise.all(
        ['a', 'b', 'c'].map((version) =>
          store.change(undefined, changeOf(version, { 3: version })),
        ),
      );
      assert.equal(begun.filter(Boolean).length, 1);
      const stored = await store.read(undefined);
      assert.equal(stored?.entries.get('3'), stored?.version);
    });
  });
}

function changeOf(
  version: string,
  entries: Readonly<Record<string, string | undefined>>,
): Parameters<AppStore['change']>[1] {
  return { version, entries: new Map(Object.entries(entries)) };
}
