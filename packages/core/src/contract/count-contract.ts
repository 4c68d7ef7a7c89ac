import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CountWish } from '../ports/state.ts';
import { countTiming, stateTiming } from '../state/timing.ts';
import { lobby, other, StateStory, type OpenState, type StoryEdge } from './state-story.ts';

const { delayMs, many, intervalMs, orphanMs } = countTiming;
const { graceMs, leaseMs } = stateTiming;

const everybody: CountWish = { subscribers: true, app: true, asked: false };
const subscribers = { ...everybody, app: false };
const app = { ...everybody, subscribers: false };

/** Who is told how many subscriptions a channel has, and when. The rules are in this package's SPEC.md. */
export function countContract(implementation: string, openState: OpenState): void {
  const openLater = (limits = {}): Promise<StateStory> => StateStory.openLater(openState, limits);

  describe(`Count contract: ${implementation}`, () => {
    it('[SU5] changes gather, and the count of the whole cluster is told once', async () => {
      await using story = await openLater();
      const counts = await story.followCounts(lobby);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 1, { wish: everybody });
      await after(story, delayMs - 1);
      await two.says(lobby, 2, { wish: everybody });
      await after(story, 1);
      assert.equal(await counts(), 3);
      await two.says(lobby, 3, { wish: everybody });
      await after(story, delayMs);
      assert.equal(await counts(), 4);
      assert.deepEqual(await heard(story), [3, 4]);
    });

    it('[SU6] of many it is told once in five seconds, the last value in the end, and soon when they are few again', async () => {
      await using story = await openLater();
      const one = story.edge('one');
      const startMs = story.nowMs;
      const says = async (count: number): Promise<unknown> =>
        one.says(lobby, count, { wish: everybody });
      await says(many + 1);
      await run(story, 1_000);
      for (let count = many + 2; count < many + 12; count += 1) {
        await says(count);
        await run(story, 400);
      }
      await run(story, 6_000);
      await says(many + 50);
      await run(story, 1_000);
      await says(many + 51);
      await run(story, 100);
      await says(many);
      await run(story, 1_000);
      const events = await story.takeEvents(lobby);
      const told = events.flatMap(({ event, timeMs }) =>
        event.name === 'subscription_count' ? [[event.subscription_count, timeMs - startMs]] : [],
      );
      assert.deepEqual(told, [
        [many + 1, delayMs],
        [many + 11, delayMs + intervalMs],
        [many + 50, 11_000 + delayMs],
        [many, 12_100 + delayMs],
      ]);
    });

    it('[SU6] what became many while it waited is told no sooner for it', async () => {
      await using story = await openLater();
      const one = story.edge('one');
      const startMs = story.nowMs;
      for (const count of [many, many - 1, many + 30]) {
        await one.says(lobby, count, { wish: everybody });
        if (count === many) await run(story, delayMs);
      }
      await run(story, 2 * intervalMs);
      const events = await story.takeEvents(lobby);
      const at = events.filter(({ event }) => event.name === 'subscription_count');
      assert.deepEqual(
        at.map(({ timeMs }) => timeMs - startMs),
        [delayMs, delayMs + intervalMs],
      );
    });

    it('[SU7] what an edge takes away by leaving or by crashing is told in the same step', async () => {
      await using story = await openLater();
      const counts = await story.followCounts(lobby);
      const [one, two, three] = [story.edge('one'), story.edge('two'), story.edge('three')];
      for (const edge of [one, two, three]) await edge.says(lobby, 1, { wish: everybody });
      await after(story, delayMs);
      assert.equal(await counts(), 3);
      await one.leave();
      assert.equal(await counts(), 2);
      story.crash(two);
      await story.edge('four').says(other, 0);
      await story.pass(leaseMs);
      assert.equal(await counts(), 1);
      assert.deepEqual(await heard(story), [3, 2, 1]);
    });

    it('[SU8] the app is told zero and the subscribers are not; neither of what came and went meanwhile', async () => {
      await using story = await openLater();
      const counts = await story.followCounts(lobby);
      const one = story.edge('one');
      for (const count of [1, 0]) await one.says(lobby, count, { wish: everybody });
      await after(story, delayMs);
      for (const count of [2, 0, 5]) {
        await one.says(lobby, count, { wish: everybody });
        await after(story, delayMs);
      }
      assert.deepEqual([await counts(), await counts()], [2, 5]);
      assert.deepEqual(await heard(story), [2, 0, 5]);
    });

    it('[SU9] it is told to those who want to hear it, and to nobody where nobody does', async () => {
      await using story = await openLater();
      const counts = await story.followCounts(lobby);
      const one = story.edge('one');
      const steps: readonly (readonly [number, CountWish | undefined])[] = [
        [1, undefined],
        [2, app],
        [3, subscribers],
        [4, undefined],
        [5, everybody],
      ];
      for (const [count, wish] of steps) {
        await one.says(lobby, count, { wish });
        await after(story, delayMs);
      }
      assert.deepEqual([await counts(), await counts()], [3, 5]);
      assert.deepEqual(await heard(story), [2, 5]);
    });

    it('[SU10] who has not heard it is told though it did not change, and the app is not', async () => {
      await using story = await openLater();
      const counts = await story.followCounts(lobby);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 2, { wish: everybody });
      await after(story, delayMs);
      await one.says(lobby, 2, { wish: everybody });
      await after(story, delayMs);
      await one.says(lobby, 2, { wish: { ...everybody, asked: true } });
      await after(story, delayMs);
      await two.says(lobby, 1, { wish: everybody });
      await after(story, delayMs);
      assert.deepEqual([await counts(), await counts(), await counts()], [2, 2, 3]);
      assert.deepEqual(await heard(story), [2, 3]);
    });

    it('[SU11] nothing is told before every edge has had the time to say what it holds', async () => {
      await using story = await StateStory.open(openState);
      const counts = await story.followCounts(lobby);
      const [one, two] = [story.edge('one'), story.edge('two')];
      const reported = await one.says(lobby, 1, { wish: everybody });
      assert.deepEqual(tellsIn(reported), { firstMs: graceMs, lastMs: graceMs });
      await after(story, graceMs - 1);
      await two.says(lobby, 1, { wish: everybody });
      await after(story, 1);
      assert.equal(await counts(), 2);
      assert.deepEqual(await heard(story), [2]);
    });

    it('[SU12] whoever sets a count in motion hears when it is due, and everybody if it was not told', async () => {
      await using story = await openLater();
      const one = story.edge('one');
      const { state } = story;
      const partition = state.partitionOf(lobby);
      const soon = { firstMs: delayMs, lastMs: delayMs };
      assert.deepEqual(tellsIn(await one.says(lobby, many + 1, { wish: app })), soon);
      assert.equal((await state.tend(partition)).tellInMs, delayMs);
      await after(story, delayMs);
      assert.equal((await state.tend(partition)).tellInMs, Infinity);
      const later = { firstMs: intervalMs, lastMs: intervalMs };
      assert.deepEqual(tellsIn(await one.says(lobby, many + 2, { wish: app })), later);
      assert.equal(tellsIn(await one.says(lobby, many + 3)), undefined);
      assert.equal(tellsIn(await one.says(lobby, many + 3, { wish: app })), undefined);
      // A worker that comes does not keep it from being everybody's.
      await story.told(lobby);
      const beat = await state.heartbeat(partition, 'one');
      assert.equal(beat.fenced ? undefined : beat.tendInMs, intervalMs + orphanMs);
    });

    it('[SU13] an app whose outbox is full is told when there is room, its subscribers at once', async () => {
      await using story = await openLater({ unroutedEvents: 1 });
      const counts = await story.followCounts(lobby);
      const one = story.edge('one');
      await one.says(lobby, 1, { wish: everybody });
      await after(story, delayMs);
      assert.equal(await counts(), 1);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
      await run(story, 1_000);
      assert.deepEqual(await story.told(lobby), ['subscription_count lobby 1']);
    });
  });
}

function tellsIn(reported: Awaited<ReturnType<StoryEdge['says']>>): unknown {
  return reported.fenced ? undefined : reported.tellsIn;
}

async function after(story: StateStory, ms: number): Promise<void> {
  story.stall(ms);
  await story.tend();
}

/** Somebody tends all the time. */
async function run(story: StateStory, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) await after(story, 100);
}

/** The counts that the app was told of since it was last asked. */
async function heard(story: StateStory): Promise<readonly number[]> {
  const events = await story.takeEvents(lobby);
  return events.flatMap(({ event }) =>
    event.name === 'subscription_count' ? [event.subscription_count] : [],
  );
}
