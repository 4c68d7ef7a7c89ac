import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { RosterChange, RosterFeed } from '@fanfare/core';
import { rosterFeedContract, type OpenFeeds } from '@fanfare/core/contract';
import type { ChannelKey } from '@fanfare/protocol';
import { openRedisRosterFeed, openRedisState } from '../src/index.ts';
import { rosterTopic } from '../src/keys.ts';
import { key, keys, optionsFor } from './bus-under-test.ts';
import { Inbox } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startClusterNode, startRedis, type RedisServer } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
// A node that holds every slot of a cluster refuses any command whose names hash to two of them.
const node = await startClusterNode();
after(() => node[Symbol.asyncDispose]());
rosterFeedContract('redis', feedsOf(server));
rosterFeedContract('redis as a cluster node', feedsOf(node));

const room = key('presence-room');

describe('The roster feed on Redis while something goes wrong', () => {
  it('[RB31] a gap is told when every topic is live again, not before and not at first', async () => {
    const channels = keys(500, 'presence');
    await using proxy = await startLinkProxy(server.port);
    await using under = await openFeed(proxy.url);
    await Promise.all(channels.map((channel) => under.feed.subscribe(channel)));
    for (let round = 0; round < 3; round += 1) {
      proxy.drop('subscriber');
      assert.equal(await under.gaps.next(), 'all');
      for (const channel of channels) await publish(channel, '1:2:+:3\nann{}');
      const heard = await under.changes.take(channels.length);
      assert.equal(new Set(heard.map(({ channel }) => channel)).size, channels.length);
    }
    assert.equal(under.gaps.size, 0);
  });

  it('[RB31] a gap is told as well after the link for commands was away', async () => {
    await using proxy = await startLinkProxy(server.port);
    await using under = await openFeed(proxy.url);
    await under.feed.subscribe(room);
    proxy.cut('commands');
    proxy.heal();
    assert.equal(await under.gaps.next(), 'all');
  });

  it('[RB32] what cannot be read is a gap of its channel', async () => {
    await using under = await openFeed(server.url);
    await under.feed.subscribe(room);
    await publish(room, 'no change');
    assert.equal(await under.gaps.next(), room);
    await publish(room, '1:2:-:3\nann');
    const { channel, change } = await under.changes.next();
    assert.equal(channel, room);
    assert.deepEqual(change, { from: 1, version: 2, joined: false, user: 'ann', info: '' });
  });

  it('[SU16] a count arrives as it is, and what is none is a gap of its channel', async () => {
    await using under = await openFeed(server.url);
    const lobby = key('lobby');
    await under.feed.subscribe(lobby);
    for (const text of [
      'n:',
      'n:0',
      'n:-1',
      'n:1.5',
      'n:1e3',
      'n:1\n',
      `n:${'9'.repeat(16)}`,
      'n:x',
    ]) {
      await publish(lobby, text);
      assert.equal(await under.gaps.next(), lobby, text);
    }
    for (const count of [1, 7, 999_999_999_999_999]) {
      await publish(lobby, `n:${count}`);
      assert.deepEqual(await under.counts.next(), { channel: lobby, count });
    }
    assert.equal(under.gaps.size, 0);
  });
});

function feedsOf({ url, client }: RedisServer): OpenFeeds {
  return async () => {
    await client.flushall();
    const state = await openRedisState(optionsFor(url));
    return {
      store: state,
      open: (events) => openRedisRosterFeed(optionsFor(url), events),
      [Symbol.asyncDispose]: () => state[Symbol.asyncDispose](),
    };
  };
}

interface Change {
  readonly channel: ChannelKey;
  readonly change: RosterChange;
}

async function openFeed(url: string): Promise<
  AsyncDisposable & {
    readonly feed: RosterFeed;
    readonly changes: Inbox<Change>;
    readonly counts: Inbox<{ readonly channel: ChannelKey; readonly count: number }>;
    readonly gaps: Inbox<ChannelKey | 'all'>;
  }
> {
  const changes = new Inbox<Change>('change of a roster');
  const counts = new Inbox<{ readonly channel: ChannelKey; readonly count: number }>('count');
  const gaps = new Inbox<ChannelKey | 'all'>('gap');
  const feed = await openRedisRosterFeed(optionsFor(url), {
    onChange: (channel, change) => changes.push({ channel, change }),
    onCount: (channel, count) => counts.push({ channel, count }),
    onGap: (channel) => gaps.push(channel ?? 'all'),
  });
  return { feed, changes, counts, gaps, [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose]() };
}

async function publish(channel: ChannelKey, text: string): Promise<void> {
  await server.client.spublish(rosterTopic(channel), text);
}
