import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appOfKey, connectionsKey, type ChannelKey } from '@fanfare/protocol';
import { stateTiming } from '../state/timing.ts';
import { joinOf, key, lobby, room, shareOf, StateStory, type OpenState } from './state-story.ts';

const { downDelayMs, leaseMs } = stateTiming;
const subject = { kind: 'channel', channel: lobby } as const;

/** What is counted, and when the app hears of it. The rules are in this package's SPEC.md. */
export function occupancyContract(implementation: string, openState: OpenState): void {
  const openLater = (): Promise<StateStory> => StateStory.openLater(openState);

  describe(`Occupancy contract: ${implementation}`, () => {
    for (const edges of [1, 2, 5]) {
      it(`[OC1] a channel on ${edges} edges is occupied once and vacated once`, async () => {
        await using story = await openLater();
        const names = Array.from({ length: edges }, (_, at) => story.edge(`edge ${at}`));
        for (const edge of names) await edge.says(lobby, 1);
        for (const edge of names) await edge.says(lobby, 3);
        assert.equal(await story.subscriptions(lobby), 3 * edges);
        for (const edge of names) await edge.says(lobby, 0);
        assert.equal(await story.subscriptions(lobby), 0);
        assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
        await story.pass(downDelayMs + 500);
        assert.deepEqual(await story.told(lobby), ['channel_vacated lobby']);
        await story.pass(4 * downDelayMs);
        assert.deepEqual(await story.told(lobby), []);
      });
    }

    it('[OC1] the departure of the last member is told before that of the channel', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      await edge.says(room, 1);
      await edge.join(room, 'zoe');
      await story.told(room);
      await edge.says(room, 0);
      await edge.saysMember(room, 'zoe', 0);
      await story.pass(downDelayMs + 500);
      const left = ['member_removed presence-room zoe', 'channel_vacated presence-room'];
      assert.deepEqual(await story.told(room), left);
    });

    it('[OC2] a channel that is back within the delay was never away, on whichever edge', async () => {
      await using story = await openLater();
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 1);
      await story.told(lobby);
      await one.says(lobby, 0);
      await story.pass(downDelayMs - 500);
      await two.says(lobby, 1);
      await story.pass(2 * downDelayMs);
      assert.deepEqual(await story.told(lobby), []);
    });

    it('[OC2] the delay begins anew each time the channel goes down, and beyond it both are told', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      await edge.says(lobby, 1);
      await edge.says(lobby, 0);
      await story.pass(downDelayMs - 500);
      await edge.says(lobby, 1);
      await edge.says(lobby, 0);
      await story.pass(downDelayMs - 500);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
      await story.pass(1_000);
      await edge.says(lobby, 1);
      assert.deepEqual(await story.told(lobby), [
        'channel_vacated lobby',
        'channel_occupied lobby',
      ]);
    });

    it('[LM11] an edge is told what all others hold, without what it has reported itself', async () => {
      await using story = await openLater();
      const { state } = story;
      const partition = state.partitionOf(lobby);
      const reserved = connectionsKey(appOfKey(lobby));
      const elsewhere = async (who: string | undefined, channel: ChannelKey): Promise<number> =>
        (await state.elsewhere(state.partitionOf(channel), who, [channel]))[0] ?? NaN;
      const [one, two] = [story.edge('one'), story.edge('two')];
      assert.equal(await elsewhere('one', lobby), 0);
      await one.says(lobby, 3);
      await two.says(lobby, 2);
      assert.equal(await elsewhere('one', lobby), 2);
      assert.equal(await elsewhere('two', lobby), 3);
      assert.equal(await elsewhere('nobody', lobby), 5);
      assert.equal(await elsewhere(undefined, lobby), 5);
      await one.says(lobby, 1);
      assert.equal(await elsewhere('one', lobby), 2);
      await two.says(lobby, 0);
      assert.deepEqual(await state.elsewhere(partition, 'one', [lobby, lobby]), [0, 0]);
      // What counts connections is a channel like any other here, whose name no client can say.
      await one.says(reserved, 4, { told: false });
      await two.says(reserved, 6, { told: false });
      assert.equal(await elsewhere('one', reserved), 6);
      assert.equal(await story.subscriptions(reserved), 10);
      await two.leave();
      assert.equal(await elsewhere('one', reserved), 0);
    });

    it('[OC3] a repeated report and one that is overtaken change nothing', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      const { state } = story;
      const partition = state.partitionOf(lobby);
      await edge.says(lobby, 2);
      const late = [shareOf(subject, 7)];
      assert.deepEqual(await state.report(partition, 'one', { version: 1, after: 0 }, late), {
        fenced: false,
        lost: false,
      });
      assert.equal(await story.subscriptions(lobby), 2);
      await state.report(partition, 'one', { version: 9, after: 1 }, [shareOf(subject, 1)]);
      await state.report(partition, 'one', { version: 8, after: 1 }, late);
      assert.equal(await story.subscriptions(lobby), 1);
    });

    it('[OC4] a store that knows less than it had confirmed takes nothing and says so', async () => {
      await using story = await openLater();
      const { state } = story;
      const partition = state.partitionOf(lobby);
      await story.edge('one').says(lobby, 2);
      const report = [shareOf(subject, 3)];
      const revision = { version: 6, after: 5 };
      assert.deepEqual(await state.report(partition, 'one', revision, report), {
        fenced: false,
        lost: true,
      });
      const request = joinOf(lobby, 'ann', 9, { count: 3 });
      assert.deepEqual(await state.join(partition, 'one', revision, request), {
        fenced: false,
        lost: true,
      });
      assert.equal(await story.subscriptions(lobby), 2);
      const beat = await state.heartbeat(partition, 'one');
      assert.equal(beat.fenced ? undefined : beat.version, 1);
    });

    it('[OC4] once asked what it holds, it takes nothing that was said before', async () => {
      await using story = await openLater();
      const { state } = story;
      const partition = state.partitionOf(lobby);
      await story.edge('one').says(lobby, 2);
      assert.deepEqual(await state.held(partition, 'one', 6), {
        fenced: false,
        shares: [{ subject, count: 2 }],
      });
      await state.report(partition, 'one', { version: 5, after: 1 }, [shareOf(subject, 9)]);
      assert.equal(await story.subscriptions(lobby), 2);
      await state.report(partition, 'one', { version: 7, after: 6 }, [shareOf(subject, 4)]);
      assert.equal(await story.subscriptions(lobby), 4);
    });

    it('[OC5] an edge that is silent for longer than its lease is taken away, and can say nothing more', async () => {
      await using story = await openLater();
      const { state } = story;
      const partition = state.partitionOf(lobby);
      const [one, two] = [story.edge('one'), story.edge('two')];
      const three = story.edge('three');
      await one.says(lobby, 2);
      await two.says(lobby, 1);
      await three.says(lobby, 1);
      story.crash(one);
      await story.pass(leaseMs - 500);
      assert.equal(await story.subscriptions(lobby), 4);
      await story.pass(500);
      assert.equal(await story.subscriptions(lobby), 2);
      assert.deepEqual(await one.says(lobby, 5), { fenced: true });
      assert.deepEqual(await one.join(lobby, 'ann'), { fenced: true });
      assert.deepEqual(await state.heartbeat(partition, 'one'), { fenced: true });
      assert.deepEqual(await state.held(partition, 'one', 9), { fenced: true });
      assert.deepEqual(await state.register(partition, 'one'), { fenced: true });
      await story.pass(leaseMs);
      assert.equal(await story.subscriptions(lobby), 2);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
    });

    it('[OC5] what only the lost edge held is vacated after the delay', async () => {
      await using story = await openLater();
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.says(lobby, 1);
      await two.says(lobby, 0);
      await story.edge('three').says(lobby, 0);
      story.crash(one);
      await story.pass(leaseMs + downDelayMs - 500);
      assert.deepEqual(await story.told(lobby), ['channel_occupied lobby']);
      await story.pass(1_000);
      assert.deepEqual(await story.told(lobby), ['channel_vacated lobby']);
    });

    it('[OC5] more shares than one step may take away are taken in several', async () => {
      await using story = await StateStory.openLater(openState, { reapShares: 3 });
      const one = story.edge('one');
      const members = Array.from({ length: 10 }, (_, at) =>
        shareOf({ kind: 'member', channel: room, user: `user ${at}` }, 1),
      );
      await one.report(members);
      await story.edge('two').says(room, 1);
      await story.edge('three').says(room, 1);
      story.crash(one);
      await story.pass(leaseMs);
      assert.equal((await story.state.users(room)).length, 7);
      await story.pass(1_500);
      assert.deepEqual(await story.state.users(room), []);
      assert.equal(await story.subscriptions(room), 2);
    });

    it('[OC6] an edge that leaves is gone at once and cannot come back as the same', async () => {
      await using story = await StateStory.openLater(openState, { reapShares: 2 });
      const one = story.edge('one');
      await one.report(
        ['a', 'b', 'c', 'd', 'e'].map((user) =>
          shareOf({ kind: 'member', channel: room, user }, 1),
        ),
      );
      await one.leave();
      assert.deepEqual(await story.state.users(room), []);
      const partition = story.state.partitionOf(room);
      assert.deepEqual(await story.state.register(partition, 'one'), { fenced: true });
      await story.state.leave(partition, 'nobody');
    });

    it('[OC9] what no webhook wants to hear of is counted and not told', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      await edge.says(lobby, 1, { told: false });
      assert.equal(await story.subscriptions(lobby), 1);
      await edge.says(lobby, 0, { told: false });
      await story.pass(2 * downDelayMs);
      assert.deepEqual(await story.told(lobby), []);
    });

    it('[OC10] occupied channels are listed by prefix, and only those of the app', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      const names = ['a', 'ab', 'abc', 'b', 'presence-a'];
      for (const name of names) await edge.says(key(name), 1);
      await edge.says(key('abd', '1002'), 1);
      await edge.says(key('abe'), 1);
      await edge.says(key('abe'), 0);
      const listed = async (prefix: string, app = '1001'): Promise<readonly string[]> =>
        (await story.state.occupied(appOfKey(key('x', app)), prefix)).toSorted();
      assert.deepEqual(await listed(''), names.toSorted());
      assert.deepEqual(await listed('ab'), ['ab', 'abc']);
      assert.deepEqual(await listed('abc'), ['abc']);
      assert.deepEqual(await listed('abcd'), []);
      assert.deepEqual(await listed('', '1002'), ['abd']);
    });

    it('[OC10] counts are answered for many channels at once, zero for those that are not occupied', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      const channels = Array.from({ length: 1_200 }, (_, at) => key(`many-${at}`));
      for (const [at, channel] of channels.entries())
        if (at % 400 === 7) await edge.says(channel, at);
      const counts = await story.state.counts(channels);
      assert.deepEqual(
        counts.map(({ subscriptions, users }) => subscriptions + users),
        channels.map((_, at) => (at % 400 === 7 ? at : 0)),
      );
      assert.deepEqual(await story.state.counts([]), []);
    });
  });
}
