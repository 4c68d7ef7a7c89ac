import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appOfKey } from '@fanfare/protocol';
import { stateTiming } from '../state/timing.ts';
import { clientEvent } from './desk.ts';
import { joinOf, room, StateStory, type OpenState, type StoryEdge } from './state-story.ts';

const { downDelayMs } = stateTiming;
/** How long the tests let time pass at most until all is told. */
const LONG_MS = 4_000;

const OCCUPIED = 'channel_occupied presence-room';
const VACATED = 'channel_vacated presence-room';
const added = (user: string): string => `member_added presence-room ${user}`;
const removed = (user: string): string => `member_removed presence-room ${user}`;
const told = { told: true };

/** What a presence channel and its members are to each other. The rules are in this package's SPEC.md. */
export function joinContract(implementation: string, openState: OpenState): void {
  describe(`Join contract: ${implementation}`, () => {
    it('[JC1] a join counts for its channel too, which is told before the member', async () => {
      await using story = await StateStory.openLater(openState);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.join(room, 'ann', '', 9, told);
      assert.equal(await story.subscriptions(room), 1);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('ann')]);
      await two.join(room, 'bob', '', 9, { ...told, count: 3 });
      assert.equal(await story.subscriptions(room), 4);
      assert.deepEqual(await story.told(room), [added('bob')]);
    });

    it('[JC1] the figure for the channel is absolute, as in a report', async () => {
      await using story = await StateStory.openLater(openState);
      const edge = story.edge('one');
      await edge.says(room, 2);
      await edge.join(room, 'ann', '', 9, { ...told, count: 2 });
      assert.equal(await story.subscriptions(room), 2);
      await edge.says(room, 0);
      await edge.saysMember(room, 'ann', 0);
      await story.pass(downDelayMs + 500);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('ann'), removed('ann'), VACATED]);
    });

    it('[JC2] a refusal counts for nothing', async () => {
      await using story = await StateStory.openLater(openState);
      await story.edge('one').join(room, 'ann', '', 0, told);
      assert.equal(await story.subscriptions(room), 0);
      assert.deepEqual(await story.state.occupied(appOfKey(room), ''), []);
      assert.deepEqual(await story.told(room), []);
    });

    it('[JC2] nor does a join that was overtaken, comes behind a gap or from who was fenced', async () => {
      await using story = await StateStory.openLater(openState);
      const { state } = story;
      const partition = state.partitionOf(room);
      const edge = story.edge('one');
      await edge.says(room, 1, { told: false });
      const late = joinOf(room, 'ann', 9, { count: 5 });
      await state.join(partition, 'one', { version: 1, after: 0 }, late);
      await state.join(partition, 'one', { version: 4, after: 3 }, late);
      assert.equal(await story.subscriptions(room), 1);
      await edge.leave();
      await state.join(partition, 'one', { version: 5, after: 1 }, late);
      assert.equal(await story.subscriptions(room), 0);
      assert.deepEqual(await state.users(room), []);
      assert.deepEqual(await story.told(room), []);
    });

    it('[JC4] a channel that had to wait for room is told before whoever comes then', async () => {
      await using story = await StateStory.openLater(openState, { unroutedEvents: 2 });
      const [one, two] = [story.edge('one'), story.edge('two')];
      await fill(story, 2);
      await one.join(room, 'ann', '', 9, told);
      await story.takeEvents(room);
      // Nobody has looked at what is due since there is room.
      await two.join(room, 'bob', '', 9, told);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('bob')]);
      await story.pass(LONG_MS);
      assert.deepEqual(await story.told(room), [added('ann')]);
    });

    it('[JC4] a channel is not told to be gone while the departure of a member waits for room', async () => {
      await using story = await StateStory.openLater(openState, { unroutedEvents: 3 });
      const edge = story.edge('one');
      await edge.join(room, 'ann', '', 9, told);
      await edge.join(room, 'bob', '', 9, told);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('ann'), added('bob')]);
      await goAll(edge, 'ann', 'bob');
      await fill(story, 3);
      story.stall(downDelayMs);
      await story.tend();
      await story.takeEvents(room);
      // Now the channel is due, and those who have left it are to be looked at again later.
      story.stall(1);
      await story.tend();
      assert.deepEqual(await story.told(room), []);
      await story.pass(LONG_MS);
      assert.deepEqual(await story.told(room), [removed('ann'), removed('bob'), VACATED]);
    });

    it('[JC4] a clock that goes back between the two departures changes nothing', async () => {
      await using story = await StateStory.openLater(openState);
      const edge = story.edge('one');
      await edge.join(room, 'ann', '', 9, told);
      await edge.saysMember(room, 'ann', 0);
      story.stall(-2_000);
      await edge.says(room, 0);
      await story.pass(downDelayMs + 500);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('ann')]);
      await story.pass(LONG_MS);
      assert.deepEqual(await story.told(room), [removed('ann'), VACATED]);
    });

    it('[JC4] a channel that goes while one is in who never leaves is told all the same', async () => {
      await using story = await StateStory.openLater(openState);
      const edge = story.edge('one');
      await edge.join(room, 'ann', '', 9, told);
      await edge.says(room, 0);
      await story.pass(LONG_MS);
      assert.deepEqual(await story.told(room), [OCCUPIED, added('ann'), VACATED]);
    });
  });
}

async function goAll(edge: StoryEdge, ...users: readonly string[]): Promise<void> {
  for (const user of users) await edge.saysMember(room, user, 0);
  await edge.says(room, 0);
}

/** Leaves no room for anything else, until what waits is taken. */
async function fill({ state }: StateStory, events: number): Promise<void> {
  for (let at = 0; at < events; at += 1)
    await state.append(state.partitionOf(room), appOfKey(room), clientEvent(at));
}
