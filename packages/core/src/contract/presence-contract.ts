import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Joined, Roster } from '../ports/state.ts';
import { stateTiming } from '../state/timing.ts';
import { joinOf, other, room, StateStory, type OpenState } from './state-story.ts';

const { downDelayMs, leaseMs } = stateTiming;
const FULL = { fenced: false, lost: false, full: true };

/** Who is in a presence channel, and who hears of it. The rules are in this package's SPEC.md. */
export function presenceContract(implementation: string, openState: OpenState): void {
  const openLater = (): Promise<StateStory> => StateStory.openLater(openState);

  describe(`Presence contract: ${implementation}`, () => {
    it('[PR1] a user on several sockets and edges is added once and removed once', async () => {
      await using story = await openLater();
      const next = await story.follow(room);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.join(room, 'ann');
      await two.join(room, 'ann');
      await one.saysMember(room, 'ann', 3);
      assert.deepEqual(await story.state.users(room), ['ann']);
      await one.saysMember(room, 'ann', 0);
      await two.saysMember(room, 'ann', 0);
      await two.join(room, 'bob');
      const changes = [await next(), await next(), await next()];
      assert.deepEqual(
        changes.map(({ joined, user }) => `${joined ? '+' : '-'}${user}`),
        ['+ann', '-ann', '+bob'],
      );
      await story.pass(downDelayMs);
      assert.deepEqual(await story.told(room), [
        'member_added presence-room ann',
        'member_added presence-room bob',
        'member_removed presence-room ann',
      ]);
    });

    it('[PR2] a roster and the changes behind it have neither hole nor repeat', async () => {
      await using story = await openLater();
      const next = await story.follow(room);
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.join(room, 'ann', '{"n":1}');
      const joined = rosterOf(await two.join(room, 'bob'));
      assert.deepEqual(joined.members.toSorted(byUser), [
        { user: 'ann', info: '{"n":1}' },
        { user: 'bob', info: '' },
      ]);
      const known = new Map(joined.members.map(({ user, info }) => [user, info]));
      await one.join(room, 'cy', '{"n":3}');
      await one.saysMember(room, 'ann', 0);
      await one.join(room, 'ann', '{"n":4}');
      await two.saysMember(room, 'bob', 0);
      let { version } = joined;
      for (let at = 0; at < 6; at += 1) {
        const change = await next();
        if (change.version <= joined.version) continue;
        assert.equal(change.from, version);
        assert.ok(change.version > version);
        ({ version } = change);
        if (change.joined) known.set(change.user, change.info);
        else known.delete(change.user);
      }
      const now = await story.state.roster(room);
      assert.equal(now.version, version);
      assert.deepEqual(
        [...known].map(([user, info]) => ({ user, info })).toSorted(byUser),
        now.members.toSorted(byUser),
      );
    });

    it('[PR2] versions go on growing when the roster was empty, even if the clock goes back', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      const first = rosterOf(await edge.join(room, 'ann'));
      await edge.saysMember(room, 'ann', 0);
      assert.deepEqual(await story.state.roster(room), { version: 0, members: [] });
      story.stall(-60_000);
      const second = rosterOf(await edge.join(room, 'ann'));
      assert.ok(second.version > first.version);
    });

    it('[PR3] a full channel takes no new user, and takes back those that are in', async () => {
      await using story = await openLater();
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.join(room, 'ann', '', 2);
      await one.join(room, 'bob', '', 2);
      assert.deepEqual(await two.join(room, 'cy', '', 2), FULL);
      assert.equal(rosterOf(await two.join(room, 'ann', '', 2)).members.length, 2);
      assert.deepEqual((await story.state.users(room)).toSorted(), ['ann', 'bob']);
      await one.saysMember(room, 'bob', 0);
      assert.equal(rosterOf(await two.join(room, 'cy', '', 2)).members.length, 2);
      assert.deepEqual(await two.join(other, 'cy', '', 0), FULL);
    });

    it('[PR3] an earlier attempt of who was refused does not get in later', async () => {
      await using story = await openLater();
      const { state } = story;
      const partition = state.partitionOf(room);
      const edge = story.edge('one');
      await edge.join(room, 'ann', '', 1);
      const bob = joinOf(room, 'bob', 1);
      assert.deepEqual(await state.join(partition, 'one', { version: 3, after: 1 }, bob), FULL);
      const wider = { ...bob, membersMax: 9 };
      const late = await state.join(partition, 'one', { version: 2, after: 1 }, wider);
      assert.equal(late.fenced, false);
      assert.deepEqual(await state.users(room), ['ann']);
    });

    it('[PR4] the first user_info stays until the last socket is gone', async () => {
      await using story = await openLater();
      const [one, two] = [story.edge('one'), story.edge('two')];
      await one.join(room, 'ann', '{"n":1}');
      const second = rosterOf(await two.join(room, 'ann', '{"n":2}'));
      assert.deepEqual(second.members, [{ user: 'ann', info: '{"n":1}' }]);
      await one.saysMember(room, 'ann', 0);
      await two.saysMember(room, 'ann', 0);
      const third = rosterOf(await two.join(room, 'ann', '{"n":3}'));
      assert.deepEqual(third.members, [{ user: 'ann', info: '{"n":3}' }]);
    });

    it('[PR4] ids and infos are any text', async () => {
      await using story = await openLater();
      const next = await story.follow(room);
      const edge = story.edge('one');
      const users = [
        'a\tb',
        'line\nline',
        '@v',
        'grüße 𝒳',
        '1:2:+:3',
        '{tag}',
        ' ',
        'x'.repeat(200),
      ];
      for (const user of users) {
        const info = JSON.stringify({ user });
        await edge.join(room, user, info);
        const { from: _, version: __, ...change } = await next();
        assert.deepEqual(change, { joined: true, user, info });
      }
      assert.deepEqual((await story.state.users(room)).toSorted(), users.toSorted());
      const { members } = await story.state.roster(room);
      for (const { user, info } of members) assert.equal(info, JSON.stringify({ user }));
      const [counts] = await story.state.counts([room]);
      assert.deepEqual(counts, { subscriptions: 1, users: users.length });
      const held = await story.state.held(story.state.partitionOf(room), 'one', 99);
      assert.ok(!held.fenced);
      assert.deepEqual(
        held.shares
          .flatMap(({ subject }) => (subject.kind === 'member' ? [subject.user] : []))
          .toSorted(),
        users.toSorted(),
      );
      const told = (await story.takeEvents(room)).map(
        ({ event }) => 'user_id' in event && event.user_id,
      );
      assert.deepEqual(told, users);
    });

    it('[PR5] the members of an edge that is lost are removed, those of others stay', async () => {
      await using story = await openLater();
      const [one, two, three] = [story.edge('one'), story.edge('two'), story.edge('three')];
      await one.join(room, 'ann');
      await one.join(room, 'bob');
      await two.join(room, 'ann');
      await three.join(room, 'cy');
      story.crash(one);
      await story.pass(leaseMs);
      assert.deepEqual((await story.state.users(room)).toSorted(), ['ann', 'cy']);
    });
  });
}

function rosterOf(joined: Joined): Roster {
  assert.ok(!joined.fenced && !joined.lost && !joined.full);
  return joined.roster;
}

function byUser(one: { readonly user: string }, two: { readonly user: string }): number {
  return one.user < two.user ? -1 : 1;
}
