import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';
import { isFailure } from '../failure.ts';
import type { RosterFeed, RosterFeedEvents, RosterReader } from '../ports/roster-feed.ts';
import type { Roster, RosterChange, ShareStore } from '../ports/state.ts';

/** A store, and feeds of what it decides: each `open` is another process. */
export interface FeedsUnderTest extends AsyncDisposable {
  readonly store: ShareStore & RosterReader;
  open(events: RosterFeedEvents): Promise<RosterFeed>;
}

export type OpenFeeds = () => Promise<FeedsUnderTest>;

/** What every roster feed means, whatever it is made of. The rules are in this package's SPEC.md. */
export function rosterFeedContract(implementation: string, openFeeds: OpenFeeds): void {
  describe(`Roster feed contract: ${implementation}`, () => {
    it('[RF1] every change of the channel arrives, in order, in every process that asked', async () => {
      await using feeds = await openFeeds();
      const [one, two] = [new Listener(), new Listener()];
      await using first = await feeds.open(one.events);
      await using second = await feeds.open(two.events);
      const edge = await StoreEdge.open(feeds.store);
      await Promise.all([first.subscribe(room), second.subscribe(room)]);
      const users = Array.from({ length: 100 }, (_, index) => `user ${index}`);
      for (const user of users) await edge.say(room, user, 1);
      for (const user of users) await edge.say(room, user, 0);
      for (const listener of [one, two]) {
        const changes = await listener.take(200);
        assert.deepEqual(
          changes.map(({ joined, user }) => `${joined} ${user}`),
          [...users.map((user) => `true ${user}`), ...users.map((user) => `false ${user}`)],
        );
        for (const [at, { from, version }] of changes.entries()) {
          assert.ok(version > from);
          if (at > 0) assert.equal(from, changes[at - 1]?.version);
        }
      }
    });

    it('[RF1] once subscribe has resolved, the next change arrives', async () => {
      await using feeds = await openFeeds();
      const listener = new Listener();
      await using feed = await feeds.open(listener.events);
      for (let index = 0; index < 30; index += 1) {
        const channel = key(`presence-${index}`);
        const edge = await StoreEdge.open(feeds.store, channel);
        await feed.subscribe(channel);
        await edge.say(channel, 'ann', 1);
        assert.equal((await listener.next()).user, 'ann');
      }
    });

    it('[RF1] ids and infos arrive as they are, whatever is in them', async () => {
      await using feeds = await openFeeds();
      const listener = new Listener();
      await using feed = await feeds.open(listener.events);
      await feed.subscribe(room);
      const edge = await StoreEdge.open(feeds.store);
      const texts = ['a:b', 'ü 𝒳', '\n', '\t', '__proto__', '0', ' ', '{"a":1}', '\u0000'];
      for (const text of texts) await edge.say(room, text, 1, `{"n":${JSON.stringify(text)}}`);
      for (const text of texts) {
        const { user, info } = await listener.next();
        assert.deepEqual({ user, info }, { user: text, info: `{"n":${JSON.stringify(text)}}` });
      }
    });

    it('[RF2] of other channels, and after unsubscribe, nothing is handed out', async () => {
      await using feeds = await openFeeds();
      const listener = new Listener();
      await using feed = await feeds.open(listener.events);
      const edge = await StoreEdge.open(feeds.store);
      for (const channel of [room, marker]) await feed.subscribe(channel);
      await edge.say(key('presence-room2'), 'a', 1);
      await edge.say(key('presence-room', '1002'), 'a', 1);
      await edge.say(room, 'b', 1);
      assert.equal((await listener.next()).user, 'b');
      feed.unsubscribe(room);
      await edge.say(room, 'c', 1);
      await edge.say(marker, 'd', 1);
      assert.equal((await listener.next()).user, 'd');
      await feed.subscribe(room);
      await edge.say(room, 'c', 0);
      assert.equal((await listener.next()).user, 'c');
    });

    it('[RF2] a closed feed hands out nothing more and refuses subscribe', async () => {
      await using feeds = await openFeeds();
      const [closing, staying] = [new Listener(), new Listener()];
      const feed = await feeds.open(closing.events);
      await using other = await feeds.open(staying.events);
      for (const each of [feed, other]) await each.subscribe(room);
      await feed[Symbol.asyncDispose]();
      await feed[Symbol.asyncDispose]();
      const edge = await StoreEdge.open(feeds.store);
      await edge.say(room, 'ann', 1);
      await staying.next();
      assert.equal(closing.size, 0);
      await assert.rejects(feed.subscribe(room), (error) => isFailure(error, 'closed'));
    });

    it('[RF3] a roster and the changes behind it lead to the roster that is read later', async () => {
      await using feeds = await openFeeds();
      const listener = new Listener();
      await using feed = await feeds.open(listener.events);
      const [one, two] = [await StoreEdge.open(feeds.store), await StoreEdge.open(feeds.store)];
      await feed.subscribe(room);
      await one.say(room, 'ann', 1, '{"a":1}');
      await two.say(room, 'bob', 1);
      const early = await feeds.store.roster(room);
      assert.deepEqual(byUser(early), { ann: '{"a":1}', bob: '' });
      const joined = await two.say(room, 'cid', 1, '{"c":3}');
      await one.say(room, 'ann', 0);
      await two.say(room, 'ann', 1, '{"a":2}');
      await one.say(room, 'bob', 1);
      await two.say(room, 'bob', 0);
      await one.say(room, 'bob', 0);
      const late = await feeds.store.roster(room);
      const changes = await listener.take(6);
      for (const roster of [early, joined]) {
        const found = follow(roster, changes);
        assert.equal(found.version, late.version);
        assert.deepEqual(byUser(found), byUser(late));
      }
      assert.deepEqual(byUser(late), { ann: '{"a":2}', cid: '{"c":3}' });
      await two.say(room, 'ann', 0);
      await two.say(room, 'cid', 0);
      assert.deepEqual(await feeds.store.roster(room), { version: 0, members: [] });
      await one.say(room, 'dan', 1);
      const [, , again] = await listener.take(3);
      assert.equal(again?.from, 0);
    });
  });
}

function key(name: string, app = '1001'): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name)];
  if (id === undefined || channel === undefined) throw new Error(`no channel: ${app}/${name}`);
  return channelKey(id, channel);
}

const room = key('presence-room');
const marker = key('presence-marker');

function byUser({ members }: Roster): object {
  return Object.fromEntries(members.map(({ user, info }) => [user, info]));
}

function follow(roster: Roster, changes: readonly RosterChange[]): Roster {
  const members = new Map(roster.members.map(({ user, info }) => [user, info]));
  let { version } = roster;
  for (const change of changes) {
    if (change.version <= version) continue;
    assert.equal(change.from, version);
    version = change.version;
    if (change.joined) members.set(change.user, change.info);
    else members.delete(change.user);
  }
  return { version, members: [...members].map(([user, info]) => ({ user, info })) };
}

/** An edge that says whatever it is told to, in every partition that it is used in. */
class StoreEdge {
  readonly #store: FeedsUnderTest['store'];
  readonly #incarnation = randomUUID();
  readonly #versions = new Map<number, number>();

  private constructor(store: FeedsUnderTest['store']) {
    this.#store = store;
  }

  /** Has its lease where the channel is already, so that what it says next is one step. */
  static async open(
    store: FeedsUnderTest['store'],
    channel: ChannelKey = room,
  ): Promise<StoreEdge> {
    const edge = new StoreEdge(store);
    await edge.#version(store.partitionOf(channel));
    return edge;
  }

  async say(channel: ChannelKey, user: string, count: number, info = ''): Promise<Roster> {
    const partition = this.#store.partitionOf(channel);
    const after = await this.#version(partition);
    const version = after + 1;
    this.#versions.set(partition, version);
    const subject = { kind: 'member', channel, user } as const;
    const share = { subject, count, info, told: false, adopted: false };
    const revision = { version, after };
    const joined = await this.#store.join(partition, this.#incarnation, revision, {
      channel: { ...share, subject: { kind: 'channel', channel }, count: 0, info: '' },
      member: share,
      membersMax: 1_000,
    });
    assert.ok(!joined.fenced && !joined.lost && !joined.full);
    return joined.roster;
  }

  async #version(partition: number): Promise<number> {
    const known = this.#versions.get(partition);
    if (known !== undefined) return known;
    const registered = await this.#store.register(partition, this.#incarnation);
    assert.equal(registered.fenced, false);
    this.#versions.set(partition, 0);
    return 0;
  }
}

/** How long a contract waits for something that must come. */
const PATIENCE_MS = 5_000;

class Listener {
  readonly events: RosterFeedEvents = {
    onChange: (_, change) => {
      this.#heard.push(change);
      this.#onChange?.();
    },
    onCount() {
      // What is told of counts is in the contract of counts.
    },
    onGap() {
      // What happens to the link is proved by the implementation's own tests.
    },
  };
  readonly #heard: RosterChange[] = [];
  #onChange: (() => void) | undefined;

  get size(): number {
    return this.#heard.length;
  }

  async next(): Promise<RosterChange> {
    const late = `no change of a roster within ${PATIENCE_MS} ms`;
    for (;;) {
      const change = this.#heard.shift();
      if (change !== undefined) return change;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(late)), PATIENCE_MS);
        this.#onChange = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async take(count: number): Promise<readonly RosterChange[]> {
    const changes: RosterChange[] = [];
    while (changes.length < count) changes.push(await this.next());
    return changes;
  }
}
