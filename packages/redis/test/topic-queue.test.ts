import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { TopicQueue, type Topic } from '../src/topic-queue.ts';

function topic(app: string, name: string, partition: number): Topic {
  const [id, channel] = [parseAppId(app), parseChannelName(name)];
  assert.ok(id !== undefined && channel !== undefined);
  return {
    name: `${app}:${name}`,
    channel: channelKey(id, channel),
    partition,
    wanted: true,
    held: false,
    phase: 'waiting',
    missed: false,
    waiters: [],
    lingersUntilMs: 0,
  };
}

const names = (batch: readonly Topic[]): readonly string[] => batch.map(({ name }) => name);

describe('The queue of topics', () => {
  it('[SL20] gives each app its turn, however many topics another has', () => {
    const queue = new TopicQueue();
    for (let at = 0; at < 100_000; at += 1) queue.add(topic('1', `flood-${at}`, at % 256));
    queue.add(topic('2', 'small', 255));
    queue.add(topic('3', 'tiny', 254));
    const taken = [queue.take(512), queue.take(512), queue.take(512)];
    assert.deepEqual(
      taken.map((batch) => batch[0]?.name),
      ['1:flood-0', '2:small', '3:tiny'],
    );
    assert.ok(taken.every((batch) => new Set(batch.map(({ partition }) => partition)).size === 1));
    assert.equal(taken[1]?.length, 391, 'what fits goes along');
  });

  it('[SL20] takes each topic once, of one partition at a time, and no more than it may', () => {
    const queue = new TopicQueue();
    const all = Array.from({ length: 1_000 }, (_, at) =>
      topic(String(1 + (at % 7)), `room-${at}`, at % 16),
    );
    for (const each of all) queue.add(each);
    const gone = all.filter((_, at) => at % 10 === 0);
    for (const each of gone) queue.delete(each);
    const taken: string[] = [];
    while (!queue.empty) {
      const batch = queue.take(20);
      assert.ok(batch.length > 0 && batch.length <= 20);
      assert.equal(new Set(batch.map(({ partition }) => partition)).size, 1);
      taken.push(...names(batch));
    }
    assert.deepEqual(queue.take(20), []);
    assert.deepEqual(
      taken.toSorted(),
      names(all.filter((each) => !gone.includes(each))).toSorted(),
    );
  });

  it('[SL20] is empty once it was cleared', () => {
    const queue = new TopicQueue();
    queue.add(topic('1', 'room', 1));
    queue.clear();
    assert.ok(queue.empty);
    assert.deepEqual(queue.take(1), []);
  });
});
