import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appOfKey, type ChannelKey } from '@fanfare/protocol';
import { stateTiming } from '../state/timing.ts';
import { key, lobby, room, StateStory, type OpenState } from './state-story.ts';

const ann = key('#server-to-user-ann');
const bob = key('#server-to-user-bob');

/** Users who sign in, and the end of their connections. The rules are in this package's SPEC.md. */
export function usersContract(implementation: string, openState: OpenState): void {
  const openLater = (): Promise<StateStory> => StateStory.openLater(openState);

  describe(`Users contract: ${implementation}`, () => {
    it('[US10] a user is online from the first socket of the cluster to the last', async () => {
      await using story = await openLater();
      const { state } = story;
      const [one, two] = [story.edge('one'), story.edge('two')];
      assert.deepEqual(await onlineOf(story, [ann, bob]), [false, false]);
      await one.says(ann, 2);
      await two.says(ann, 1);
      assert.deepEqual(await onlineOf(story, [bob, ann]), [false, true]);
      assert.deepEqual(await state.counts([ann]), [{ subscriptions: 3, users: 0 }]);
      await one.says(ann, 0);
      assert.deepEqual(await onlineOf(story, [ann]), [true]);
      await two.says(ann, 0);
      assert.deepEqual(await onlineOf(story, [ann]), [false]);
      assert.deepEqual(await state.online([]), []);
    });

    it('[US11] each change from nobody to somebody and back is told once, in order, with growing versions', async () => {
      await using story = await openLater();
      const next = await story.follow(ann);
      const [one, two] = [story.edge('one'), story.edge('two')];
      const versions: number[] = [];
      const hear = async (joined: boolean): Promise<void> => {
        const { version, ...change } = await next();
        assert.deepEqual(change, { from: 0, joined, user: '', info: '' });
        versions.push(version);
      };
      const read = async (): Promise<void> => {
        const [found] = await story.state.online([ann]);
        versions.push(found?.version ?? NaN);
      };
      await one.says(ann, 1);
      await hear(true);
      await two.says(ann, 1);
      await one.says(ann, 3);
      await one.says(ann, 0);
      await two.says(ann, 0);
      // Had anything been told in between, it would stand before this.
      await hear(false);
      await two.says(ann, 1);
      await hear(true);
      await read();
      assert.equal(versions[2], versions[3], 'what was read is as of the last change');
      await story.pass(1_000);
      await one.says(bob, 1);
      await two.says(ann, 0);
      await hear(false);
      await read();
      assert.deepEqual(
        versions.slice(0, 3),
        [...new Set(versions)].toSorted((a, b) => a - b).slice(0, 3),
      );
      assert.ok(
        (versions[4] ?? 0) > (versions[3] ?? 0) && (versions[5] ?? 0) >= (versions[4] ?? 0),
      );
    });

    it('[US11] a user whose edge is lost goes offline, and one whose edge leaves does at once', async () => {
      await using story = await openLater();
      const next = await story.follow(ann);
      const [one, two, other] = [story.edge('one'), story.edge('two'), story.edge('other')];
      await other.says(ann, 0);
      await one.says(ann, 1);
      assert.equal((await next()).joined, true);
      await one.leave();
      assert.equal((await next()).joined, false);
      await two.says(ann, 1);
      assert.equal((await next()).joined, true);
      story.crash(two);
      const partition = story.state.partitionOf(ann);
      for (let ms = 0; ms < stateTiming.leaseMs + stateTiming.guardMs + 1_000; ms += 1_000) {
        await story.pass(1_000);
        await story.state.tend(partition);
      }
      assert.equal((await next()).joined, false);
      assert.deepEqual(await onlineOf(story, [ann]), [false]);
    });

    it('[US12] the channels of users are in no list', async () => {
      await using story = await openLater();
      const edge = story.edge('one');
      for (const channel of [ann, lobby, room]) await edge.says(channel, 1);
      const app = appOfKey(lobby);
      assert.deepEqual((await story.state.occupied(app, '')).toSorted(), [
        'lobby',
        'presence-room',
      ]);
      assert.deepEqual(await story.state.occupied(app, '#'), []);
      await edge.says(ann, 0);
      assert.deepEqual(await story.state.occupied(app, '#'), []);
    });

    it('[US13] a termination has a number that is higher than those before it, also in the same moment', async () => {
      await using story = await openLater();
      const { state } = story;
      const foreign = key('#server-to-user-ann', '1002');
      assert.deepEqual(await state.terminations([ann, bob, foreign]), [0, 0, 0]);
      const first = await state.terminate(ann);
      const second = await state.terminate(ann);
      assert.ok(first > 0 && second > first);
      story.stall(1_000);
      const third = await state.terminate(ann);
      assert.ok(third > second);
      story.stall(-5_000);
      const fourth = await state.terminate(ann);
      assert.ok(fourth > third);
      assert.deepEqual(await state.terminations([bob, ann, foreign]), [0, fourth, 0]);
      const others = await state.terminate(foreign);
      assert.deepEqual(await state.terminations([ann, foreign]), [fourth, others]);
      assert.deepEqual(await state.terminations([]), []);
    });

    it('[US13] a thousand users are read at once', async () => {
      await using story = await openLater();
      const users = Array.from({ length: 1_001 }, (_, at) => key(`#server-to-user-${at}`));
      const last = users.at(-1);
      assert.ok(last !== undefined);
      const number = await story.state.terminate(last);
      await story.edge('one').says(last, 1);
      const found = await story.state.terminations(users);
      assert.deepEqual(
        found,
        users.map((user) => (user === last ? number : 0)),
      );
      const online = await onlineOf(story, users);
      assert.deepEqual(
        online,
        users.map((user) => user === last),
      );
    });
  });
}

async function onlineOf(
  { state }: StateStory,
  users: readonly ChannelKey[],
): Promise<readonly boolean[]> {
  return (await state.online(users)).map(({ online }) => online);
}
