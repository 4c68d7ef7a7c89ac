import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { app, clientEvent, Desk, isOdd, LEASE_MS, numbers } from './desk.ts';
import { LANE_FULL } from '../ports/outbox.ts';
import { outboxLimits, stateTiming } from '../state/timing.ts';
import { lobby, StateStory, type OpenState } from './state-story.ts';

/** The way of an event to a webhook. The rules are in this package's SPEC.md. */
export function outboxContract(implementation: string, openState: OpenState): void {
  describe(`Outbox contract: ${implementation}`, () => {
    it('[OB1] each hook gets the events it wants in their order, and what nobody wants is dropped', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.append(6);
      const { entries } = await desk.unrouted(4);
      assert.deepEqual(numbers(entries), [0, 1, 2, 3]);
      await desk.route(entries, { odd: entries.filter(isOdd), all: entries.slice(1) });
      const rest = await desk.unrouted();
      await desk.route(rest.entries, { odd: rest.entries.filter(isOdd), all: [] });
      story.stall(outboxLimits.gatherMs);
      assert.deepEqual(await desk.claimed('t1'), { odd: [1, 3, 5], all: [1, 2, 3] });
      assert.deepEqual(await desk.allUnrouted(9), []);
    });

    it('[OB2] routing the same events twice changes nothing, nor does routing behind waiting ones', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.append(3);
      const { entries } = await desk.unrouted();
      await desk.route(entries.slice(1), { all: entries.slice(1) });
      assert.deepEqual(numbers((await desk.unrouted()).entries), [0, 1, 2]);
      await desk.route(entries.slice(0, 2), { all: entries.slice(0, 2) });
      await desk.route(entries.slice(0, 2), { all: entries.slice(0, 2) });
      await desk.route(entries, { all: entries });
      story.stall(outboxLimits.gatherMs);
      assert.deepEqual(await desk.claimed('t1'), { all: [0, 1, 2] });
    });

    it('[OB3] a lane is held by one worker, until its lease runs out; the next gets the same events', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ all: 5 });
      const [first] = await desk.claim('t1', { lanes: 9, entries: 2 });
      assert.ok(first !== undefined);
      assert.deepEqual(numbers(first.entries), [0, 1]);
      assert.deepEqual(await desk.claim('t2'), []);
      story.stall(LEASE_MS - 1);
      assert.deepEqual(await desk.claim('t2'), []);
      story.stall(1);
      const [second] = await desk.claim('t2');
      assert.ok(second !== undefined);
      assert.deepEqual(second.entries.slice(0, 2), first.entries);
      assert.deepEqual(numbers(second.entries), [0, 1, 2, 3, 4]);
      assert.equal(await desk.state.acknowledge(first), false);
      assert.equal(await desk.state.postpone(first, 0), false);
      assert.equal(await desk.state.abandon(first, 'late'), false);
      assert.equal(await desk.state.renew(first, 60_000), false);
      await desk.state.release(first);
      assert.deepEqual(await desk.claim('t3'), []);
      assert.equal(await desk.state.acknowledge(second), true);
      assert.equal(await desk.state.acknowledge(second), false);
      story.stall(LEASE_MS);
      assert.deepEqual(await desk.claim('t4'), []);
    });

    it('[OB3] a claim that is renewed lasts longer', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ all: 1 });
      const [lane] = await desk.claim('t1');
      assert.ok(lane !== undefined);
      story.stall(LEASE_MS - 1);
      assert.equal(await desk.state.renew(lane, LEASE_MS), true);
      story.stall(LEASE_MS - 1);
      assert.deepEqual(await desk.claim('t2'), []);
      assert.equal(await desk.state.acknowledge(lane), true);
    });

    it('[OB4] what was delivered is gone, and what stands behind it is due at once', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ all: 5 });
      const seen: number[] = [];
      for (let at = 0; at < 3; at += 1) {
        const [lane] = await desk.claim(`t${at}`, { lanes: 1, entries: 2 });
        assert.ok(lane !== undefined);
        seen.push(...numbers(lane.entries));
        assert.equal(await desk.state.acknowledge(lane), true);
      }
      assert.deepEqual(seen, [0, 1, 2, 3, 4]);
      assert.deepEqual(await desk.claim('t9'), []);
    });

    it('[OB4] lanes come in the order in which they are due, no more than were asked for', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ late: 1 });
      const [late] = await desk.claim('t1');
      assert.ok(late !== undefined);
      await desk.state.postpone(late, 1_000);
      await desk.load({ early: 1 });
      await desk.load({ later: 1 });
      story.stall(1_000);
      const names = (await desk.claim('t2', { lanes: 2, entries: 9 })).map(({ hook }) => hook);
      assert.deepEqual(names, ['early', 'later']);
      assert.deepEqual(
        (await desk.claim('t3')).map(({ hook }) => hook),
        ['late'],
      );
    });

    it('[OB13] a visit tells the time of the store, whether there is anything or not', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      assert.equal(await desk.timeMs(), story.nowMs);
      await desk.append(1);
      assert.equal(await desk.timeMs(), story.nowMs);
    });

    it('[OB5] a postponed lane comes back after the delay and counts its failures; a released one does not count', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ all: 2 });
      const attempts: number[] = [];
      for (let at = 0; at < 3; at += 1) {
        const [lane] = await desk.claim(`a${at}`);
        assert.ok(lane !== undefined);
        attempts.push(lane.attempts);
        assert.equal(await desk.state.postpone(lane, 1_000), true);
        story.stall(999);
        assert.deepEqual(await desk.claim(`b${at}`), []);
        story.stall(1);
      }
      assert.deepEqual(attempts, [0, 1, 2]);
      const [third] = await desk.claim('t4');
      assert.ok(third !== undefined);
      await desk.state.release(third);
      const [fourth] = await desk.claim('t5');
      assert.deepEqual(fourth, { ...third, token: 't5', attempts: 3 });
      assert.ok(fourth !== undefined);
      await desk.state.release(fourth, 500);
      assert.deepEqual(await desk.claim('t6'), []);
      story.stall(500);
      const [fifth] = await desk.claim('t7', { lanes: 1, entries: 1 });
      assert.ok(fifth !== undefined);
      await desk.state.acknowledge(fifth);
      assert.equal((await desk.claim('t8'))[0]?.attempts, 0);
    });

    it('[OB6] what is given up becomes dead letters, of which the newest are kept, and the lane goes on', async () => {
      await using story = await StateStory.open(openState, { deadLetters: 3 });
      const desk = new Desk(story);
      await desk.load({ all: 5 });
      await desk.giveUp('all', 2, 'first');
      await desk.giveUp('all', 2, 'second');
      const letters = await desk.state.deadLetters(desk.partition, app, 'all', 9);
      assert.deepEqual(
        letters.map(({ entry, reason }) => `${numbers([entry]).join()} ${reason}`),
        ['1 first', '2 second', '3 second'],
      );
      const newest = await desk.state.deadLetters(desk.partition, app, 'all', 1);
      assert.deepEqual(newest, letters.slice(2));
      assert.deepEqual(await desk.claimed('t'), { all: [4] });
      assert.deepEqual(await desk.state.deadLanes(desk.partition), [
        { app, hook: 'all', letters: 3 },
      ]);
    });

    it('[OB7] dead letters are delivered once more, with their ids, in a lane of their own', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.load({ all: 4 });
      await desk.giveUp('all', 3, 'gone');
      const dead = await desk.state.deadLetters(desk.partition, app, 'all', 9);
      const from = { app, hook: 'all' };
      assert.equal(await desk.state.replay(desk.partition, from, 'new', 2), 2);
      assert.equal(await desk.state.replay(desk.partition, from, 'new', 2), 0);
      story.stall(outboxLimits.gatherMs);
      const lanes = await desk.claim('t1');
      const replayed = lanes.find(({ hook }) => hook === 'new~');
      assert.deepEqual(
        replayed?.entries,
        dead.slice(0, 2).map(({ entry }) => entry),
      );
      await desk.state.abandon(replayed, 'again');
      assert.equal(await desk.state.replay(desk.partition, from, 'new', 9), 1);
      story.stall(outboxLimits.gatherMs);
      await desk.giveUp('new~', 9, 'and again');
      assert.equal(await desk.state.replay(desk.partition, { app, hook: 'new~' }, 'new', 9), 3);
      assert.deepEqual(await desk.state.deadLanes(desk.partition), []);
      story.stall(outboxLimits.gatherMs);
      assert.deepEqual(await desk.claimed('t2'), { 'new~': [0, 1, 2] });
    });

    it('[OB8] a full outbox refuses client events, and loses no event of a channel that comes or goes', async () => {
      await using story = await StateStory.openLater(openState, { unroutedEvents: 2 });
      const desk = new Desk(story);
      await desk.append(2);
      assert.equal(await desk.state.append(desk.partition, app, clientEvent(2)), 'full');
      const edge = story.edge('one');
      await edge.says(lobby, 1);
      await story.pass(stateTiming.downDelayMs);
      assert.deepEqual(numbers(await story.takeEvents(lobby)), [0, 1]);
      await story.pass(outboxLimits.gatherMs);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
      await desk.append(2);
      await edge.says(lobby, 0);
      await story.pass(2 * stateTiming.downDelayMs);
      await edge.says(lobby, 1);
      await edge.says(lobby, 0);
      await story.takeEvents(lobby);
      await story.pass(2 * stateTiming.downDelayMs);
      assert.deepEqual(await story.told(lobby), ['channel_vacated lobby']);
    });

    it('[OB10] an event keeps its id and its time, and ids only grow, even if the clock goes back', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      await desk.append(2);
      const times = [story.nowMs, story.nowMs];
      story.stall(-10_000);
      await desk.append(1);
      times.push(story.nowMs);
      story.stall(20_000);
      await desk.append(1);
      times.push(story.nowMs);
      const { entries } = await desk.unrouted();
      assert.deepEqual(
        entries.map(({ timeMs }) => timeMs),
        times,
      );
      const places = entries.map(({ id }) => id.split('-').map(Number));
      assert.deepEqual(
        places.map(([partition]) => partition),
        places.map(() => desk.partition),
      );
      const order = places.toSorted(
        (a, b) => (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0),
      );
      assert.deepEqual(order, places);
      assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length);
    });

    it('[OB11] what waits is counted', async () => {
      await using story = await StateStory.open(openState);
      const desk = new Desk(story);
      assert.deepEqual(await desk.state.backlog(desk.partition), {
        unrouted: 0,
        lanes: 0,
        events: 0,
        oldestMs: undefined,
        deadLetters: 0,
      });
      const oldestMs = story.nowMs;
      await desk.load({ one: 3, two: 2 });
      await desk.giveUp('two', 1, 'gone');
      await desk.append(1);
      assert.deepEqual(await desk.state.backlog(desk.partition), {
        unrouted: 1,
        lanes: 2,
        events: 4,
        oldestMs,
        deadLetters: 1,
      });
    });

    it('[OB12] an event that finds a lane full becomes a dead letter of it at once, and goes into the others', async () => {
      await using story = await StateStory.open(openState, { laneEvents: 2 });
      const desk = new Desk(story);
      await desk.append(5);
      const { entries } = await desk.unrouted();
      const full = await desk.route(entries, { all: entries, odd: entries.filter(isOdd) });
      assert.deepEqual(full, [{ app, hook: 'all', letters: 3 }]);
      assert.deepEqual(await desk.allUnrouted(9), []);
      assert.deepEqual(await desk.route(entries, { all: entries }), []);
      story.stall(outboxLimits.gatherMs);
      assert.deepEqual(await desk.claimed('t1'), { all: [0, 1], odd: [1, 3] });
      const letters = await desk.state.deadLetters(desk.partition, app, 'all', 9);
      assert.deepEqual(
        letters,
        entries.slice(2).map((entry) => ({ entry, reason: LANE_FULL })),
      );
      assert.deepEqual(await desk.state.deadLanes(desk.partition), full);
    });

    it('[OB12] several lanes can be full, each keeps its newest dead letters, and with room again takes what comes', async () => {
      await using story = await StateStory.open(openState, { laneEvents: 1, deadLetters: 2 });
      const desk = new Desk(story);
      await desk.append(6);
      const { entries } = await desk.unrouted();
      const full = await desk.route(entries, { odd: entries.filter(isOdd), all: entries });
      assert.deepEqual(full, [
        { app, hook: 'odd', letters: 2 },
        { app, hook: 'all', letters: 5 },
      ]);
      const dead = async (hook: string): Promise<readonly number[]> => {
        const letters = await desk.state.deadLetters(desk.partition, app, hook, 9);
        return numbers(letters.map(({ entry }) => entry));
      };
      assert.deepEqual(
        [await dead('odd'), await dead('all')],
        [
          [3, 5],
          [4, 5],
        ],
      );
      story.stall(outboxLimits.gatherMs);
      for (const lane of await desk.claim('t1')) await desk.state.acknowledge(lane);
      await desk.append(1);
      const { entries: fresh } = await desk.unrouted();
      assert.deepEqual(await desk.route(fresh, { all: fresh }), []);
      story.stall(outboxLimits.gatherMs);
      assert.deepEqual(await desk.claimed('t2'), { all: [6] });
    });
  });
}
