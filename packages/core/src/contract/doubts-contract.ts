import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stateTiming } from '../state/timing.ts';
import { lobby, other, StateStory, type OpenState } from './state-story.ts';

const { downDelayMs, leaseMs, guardMs, graceMs } = stateTiming;

/** When a store has reason to doubt what it sees. The rules are in this package's SPEC.md. */
export function doubtsContract(implementation: string, openState: OpenState): void {
  const openLater = (): Promise<StateStory> => StateStory.openLater(openState);

  describe(`Doubts contract: ${implementation}`, () => {
    it('[OC7] when most leases run out at once nobody is written off before the guard is over', async () => {
      await using story = await openLater();
      const edges = ['one', 'two', 'three'].map((name) => story.edge(name));
      for (const edge of edges) await edge.says(lobby, 1);
      for (const edge of edges.slice(1)) story.crash(edge);
      await story.pass(leaseMs + guardMs - 500);
      assert.equal(await story.subscriptions(lobby), 3);
      await story.pass(500);
      assert.equal(await story.subscriptions(lobby), 1);
    });

    it('[OC7] half of the leases are written off at once', async () => {
      await using story = await openLater();
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 1);
      await two.says(lobby, 1);
      story.crash(one);
      await story.pass(leaseMs);
      assert.equal(await story.subscriptions(lobby), 1);
    });

    it('[OC7] a store that stood still writes nobody off, not even those that are back last', async () => {
      await using story = await openLater();
      const [one, two, three] = [story.edge('one'), story.edge('two'), story.edge('three')];
      for (const edge of [one, two, three]) await edge.says(lobby, 1);
      await story.tend();
      story.stall(leaseMs + 5_000);
      assert.equal(await story.tend(), 0);
      await one.beat();
      await two.beat();
      assert.equal(await story.tend(), 0);
      await three.beat();
      await story.pass(2 * guardMs);
      assert.equal(await story.subscriptions(lobby), 3);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
    });

    it('[OC7] a store that stood still before anybody tended it writes nobody off either', async () => {
      await using story = await StateStory.open(openState);
      await story.edge('one').says(lobby, 1);
      story.stall(leaseMs + 1_000);
      for (const name of ['two', 'three']) await story.edge(name).says(lobby, 1);
      assert.equal(await story.tend(), 0);
      await story.pass(2 * guardMs);
      assert.equal(await story.subscriptions(lobby), 3);
    });

    it('[OC7] a clock that jumps writes nobody off, and when it goes back, who is gone does not live on', async () => {
      await using story = await openLater();
      const [one, two, three] = [story.edge('one'), story.edge('two'), story.edge('three')];
      for (const edge of [one, two, three]) await edge.says(lobby, 1);
      await story.pass(1_000);
      story.stall(60_000);
      await story.pass(1_000);
      story.crash(one);
      story.stall(-60_000);
      await story.pass(1_000);
      assert.equal(await story.subscriptions(lobby), 3);
      await story.pass(leaseMs + guardMs);
      assert.equal(await story.subscriptions(lobby), 2);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
    });

    it('[OC8] a new store announces nothing until every edge had the time to speak', async () => {
      await using story = await StateStory.open(openState);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 1);
      await two.says(other, 1);
      await two.says(other, 0);
      await story.pass(graceMs - 500);
      assert.deepEqual(await story.told(lobby), []);
      await story.pass(500);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
      await story.pass(2 * downDelayMs);
      assert.deepEqual(await story.told(other), []);
    });

    it('[OC8] after a loss of data nothing is told that the app knew, and what is gone meanwhile is', async () => {
      await using story = await openLater();
      const before = story.edge('before');
      await before.says(lobby, 1);
      await before.saysMember(lobby, 'ann', 1);
      await story.told(lobby);
      const { state } = story;
      const first = await state.register(state.partitionOf(lobby), 'a');
      await story.wipe();
      story.crash(before);
      const second = await state.register(state.partitionOf(lobby), 'a');
      assert.ok(!first.fenced && !second.fenced);
      assert.notEqual(first.epoch, second.epoch);
      assert.deepEqual(await before.says(lobby, 1), { fenced: true });
      const again = story.edge('again');
      await again.says(lobby, 1, { adopted: true });
      await again.saysMember(lobby, 'ann', 0, { adopted: true });
      await again.saysMember(lobby, 'bob', 1);
      await story.pass(graceMs + downDelayMs);
      assert.deepEqual((await story.told(lobby)).toSorted(), [
        'member_added lobby bob',
        'member_removed lobby ann',
      ]);
      await again.says(lobby, 0);
      await story.pass(downDelayMs + 500);
      assert.deepEqual(await story.told(lobby), ['channel_vacated lobby']);
    });
  });
}
