import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  appOfKey,
  channelKey,
  channelOfKey,
  parseAppId,
  parseChannelName,
  type ChannelKey,
} from '@fanfare/protocol';
import { stateTiming } from '../state/timing.ts';
import { lobby, StateStory, type OpenState } from './state-story.ts';

/** Whatever we put between names has to be safe from these. */
export const freeNames: readonly string[] = [
  '频道',
  '频道/1',
  ' ',
  ' a b ',
  '/',
  '/a',
  'a/',
  '1001/a',
  '{}',
  '{x}:h:1001/a',
  ':',
  'a:b:c',
  '%',
  '%s%d%1',
  '^[^/]*$',
  '\\',
  '"',
  '@v',
  '#general',
  '*?[a-z]',
  '(',
  '-',
  '0',
  '__proto__',
  '\u2028',
  '\ufeffa',
  '😀',
  '\uffff',
  '频'.repeat(200),
  '😀'.repeat(200),
];

/** A channel of an app that has the dialect webman. */
export function freeKey(name: string, app = '1001'): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name, 'webman')];
  assert.ok(id !== undefined && channel !== undefined, JSON.stringify(name));
  return channelKey(id, channel);
}

/** A store in whose partitions of these channels what comes up is told at once. */
async function openFor(openState: OpenState, channels: readonly ChannelKey[]): Promise<StateStory> {
  const story = await StateStory.openLater(openState);
  const first = story.edge('first of these');
  for (const channel of channels) await first.says(channel, 0);
  for (let passed = 0; passed <= stateTiming.graceMs; passed += 2_000) {
    story.stall(2_000);
    await first.beat();
  }
  await first.leave();
  return story;
}

/** Names of the dialect webman, wherever the state keeps them. The rules are in this package's SPEC.md. */
export function freeNamesContract(implementation: string, openState: OpenState): void {
  describe(`Free-form names: ${implementation}`, () => {
    it('[WM10] are counted and listed each as itself, and told as they are', async () => {
      const channels = freeNames.map((name) => freeKey(name));
      await using story = await openFor(openState, channels);
      const edge = story.edge('one');
      for (const [at, name] of freeNames.entries()) await edge.says(freeKey(name), at + 1);
      const counts = await story.state.counts(channels);
      assert.deepEqual(
        counts.map(({ subscriptions }) => subscriptions),
        freeNames.map((_, at) => at + 1),
      );
      const told: string[] = [];
      for (const channel of channels) told.push(...(await story.told(channel)));
      assert.deepEqual(
        told.toSorted(),
        freeNames.map((name) => `channel_occupied ${name}`).toSorted(),
      );
      await edge.leave();
      assert.deepEqual(await story.state.occupied(appOfKey(lobby), ''), []);
    });

    it('[WM10] are listed by prefix, of the one app and no other', async () => {
      await using story = await StateStory.openLater(openState);
      const edge = story.edge('one');
      for (const name of freeNames) await edge.says(freeKey(name), 1);
      for (const name of ['频道', '/']) await edge.says(freeKey(name, '10'), 1);
      for (const prefix of ['', ...freeNames, '频', 'nobody', '😀😀', '\udbff'])
        assert.deepEqual(
          (await story.state.occupied(appOfKey(lobby), prefix)).toSorted(),
          freeNames.filter((name) => name.startsWith(prefix)).toSorted(),
          JSON.stringify(prefix),
        );
      const others = await story.state.occupied(appOfKey(freeKey('a', '10')), '');
      assert.deepEqual(others.toSorted(), ['/', '频道']);
    });

    it('[WM10] have rosters of their own, whose changes arrive where they are followed', async () => {
      const channels = freeNames.slice(0, -2).map((name) => freeKey(`presence-${name}`));
      await using story = await openFor(openState, channels);
      const edge = story.edge('one');
      for (const channel of channels) {
        const next = await story.follow(channel);
        const user = `user\t/ of ${channel}`;
        await edge.says(channel, 1);
        await edge.join(channel, user, '{"n":1}');
        assert.deepEqual(await story.state.users(channel), [user]);
        assert.equal((await next()).user, user);
        assert.deepEqual((await story.state.roster(channel)).members, [{ user, info: '{"n":1}' }]);
        const about = channelOfKey(channel);
        assert.deepEqual(await story.told(channel), [
          `channel_occupied ${about}`,
          `member_added ${about} ${user}`,
        ]);
        await edge.saysMember(channel, user, 0);
        assert.equal((await next()).joined, false);
      }
    });

    it('[WM10] of an edge that is lost are taken back', async () => {
      await using story = await StateStory.openLater(openState);
      const edge = story.edge('one');
      const channels = freeNames.map((name) => freeKey(name));
      for (const channel of channels) await edge.says(channel, 1);
      story.crash(edge);
      story.stall(stateTiming.leaseMs + stateTiming.guardMs);
      const partitions = new Set(channels.map((channel) => story.state.partitionOf(channel)));
      const watcher = story.edge('watcher');
      for (const channel of channels) await watcher.says(channel, 0);
      for (let round = 0; round < 40; round += 1) {
        story.stall(500);
        await watcher.beat();
        for (const partition of partitions) await story.state.tend(partition);
      }
      assert.deepEqual(await story.state.occupied(appOfKey(lobby), ''), []);
    });
  });
}
