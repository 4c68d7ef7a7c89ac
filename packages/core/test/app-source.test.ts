import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { appSourceContract, appStoreContract, Follower } from '../src/contract/index.ts';
import type { SourceUnderTest, WrittenApps } from '../src/contract/index.ts';
import { createMemoryAppStore, followApps, type MemoryAppStore } from '../src/index.ts';

appStoreContract('memory', async () => {
  const store = createMemoryAppStore();
  return { store, wipe: async () => store.wipe(), async [Symbol.asyncDispose]() {} };
});

appSourceContract('store in memory', openSource);

interface StoreSource extends SourceUnderTest {
  readonly store: MemoryAppStore;
}

async function openSource(apps: WrittenApps): Promise<StoreSource> {
  const store = createMemoryAppStore();
  const write = async (written: WrittenApps): Promise<void> => {
    const { version, entries } = (await store.read(undefined)) ?? {
      version: undefined,
      entries: new Map(),
    };
    const removed = [...entries.keys()].map((id): [string, undefined] => [id, undefined]);
    const next = Object.entries(written).map(([id, settings]): [string, string] => [
      id,
      JSON.stringify(settings),
    ]);
    await store.change(version, { version: randomUUID(), entries: new Map([...removed, ...next]) });
  };
  await write(apps);
  return {
    store,
    write,
    async open(events) {
      const followed = followApps(store, events);
      const look = async (): Promise<void> => followed.look();
      await look();
      let closed = false;
      store.onNotice(() => {
        if (!closed) void look();
      });
      return {
        ...followed.registry,
        refresh: () => void look(),
        async [Symbol.asyncDispose]() {
          closed = true;
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}

const one = { keys: [{ key: 'k1', secret: 's1' }] };

describe('The apps of a store', () => {
  it('[RG9] a store that has lost everything is given back what is known', async () => {
    await using under = await openSource({ 1: one });
    const [first, second] = [new Follower(), new Follower()];
    await first.follow(under);
    await second.follow(under);
    under.store.wipe();
    first.source.refresh();
    second.source.refresh();
    assert.equal(await Promise.race([first.restored(), second.restored()]), 1);
    assert.equal((await under.store.read(undefined))?.entries.get('1'), JSON.stringify(one));
    await under.write({ 1: one, 2: { keys: [{ key: 'k2', secret: 's2' }] } });
    await first.changed();
    assert.deepEqual([first.ids(), first.told], [['1', '2'], 0]);
  });

  it('[RG3] an app of a store that nobody can read harms no other', async () => {
    await using under = await openSource({ 1: one });
    const follower = new Follower();
    await follower.follow(under);
    const entries = new Map([
      ['1', '{"keys":'],
      ['2', '[]'],
      ['3', '{"keys":[{"key":"k3","secret":"s3"}],"fromTheFuture":1}'],
      ['x', '{"keys":[{"key":"kx","secret":"sx"}]}'],
      ['4', '{"keys":[{"key":"k4","secret":"s4"}],"id":"1"}'],
    ]);
    const { version } = (await under.store.read(undefined)) ?? { version: undefined };
    await under.store.change(version, { version: 'v', entries });
    const problems = await follower.refused();
    assert.deepEqual(
      problems.map((problem) => /^app \S+:/.exec(problem)?.[0] ?? problem).toSorted(),
      ['app 1:', 'app 2:', 'app 3:', 'app x:'],
    );
    assert.deepEqual(follower.ids().toSorted(), ['1', '4']);
  });
});
