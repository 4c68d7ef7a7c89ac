import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure, type RosterFeedEvents } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import type { Client } from './client.ts';
import { keyOf, type StateOfTest } from './edge-under-test.ts';
import { Inbox } from './inbox.ts';
import { startCluster, type Around, type Cluster } from './presence-cluster.ts';
import { Chance } from './seeded.ts';
import { nextWatched, signedIn, signIn, userChannel } from './signed-in.ts';

const QUICK = { watchlistTimes: { offlineMs: 30, tickMs: 1 } };

describe('Watchlists while something goes wrong', () => {
  it('[US34] a user is asked for once, however many watch, and let go with the last of them', async () => {
    const calls: string[] = [];
    const link = new Link(calls);
    await using cluster = await startCluster({ edge: QUICK }, link.around);
    const { one } = cluster;
    const watchers = [];
    for (const user of ['a', 'b', 'c']) {
      const watcher = await signedIn(one, user, { watchlist: ['7', '7', '8'] });
      assert.deepEqual(await nextWatched(watcher), ['-7', '-8']);
      watchers.push(watcher);
    }
    const [seven, eight] = [keyOf(userChannel('7')), keyOf(userChannel('8'))];
    assert.deepEqual(calls.splice(0), [`subscribe ${seven}`, `subscribe ${eight}`]);
    assert.equal(one.counters.watchedUsers, 2);
    const [first, second, third] = watchers;
    // What is still watched is not let go in between.
    if (first !== undefined) await signIn(first, 'a', { watchlist: ['8', '9'] });
    await first?.next();
    assert.deepEqual(calls.splice(0), [`subscribe ${keyOf(userChannel('9'))}`]);
    for (const client of [second, third]) await client?.[Symbol.asyncDispose]();
    await one.until(({ watchedUsers }) => watchedUsers === 2, 'nobody watches 7');
    assert.deepEqual(calls.splice(0), [`unsubscribe ${seven}`]);
    await first?.[Symbol.asyncDispose]();
    await one.until(({ watchedUsers }) => watchedUsers === 0, 'nobody watches');
    assert.deepEqual(calls.toSorted(), [
      `unsubscribe ${eight}`,
      `unsubscribe ${keyOf(userChannel('9'))}`,
    ]);
  });

  it('[US35] after a gap the state is read again, and only what differs is told', async () => {
    const link = new Link();
    await using cluster = await startCluster({ edge: QUICK }, link.around);
    const { one, two } = cluster;
    const users = ['came', 'went', 'stayed', 'flapped'];
    const went = await signedIn(two, 'went');
    await using stayed = await signedIn(two, 'stayed');
    for (const user of ['went', 'stayed']) await cluster.untilCounted(1, userChannel(user));
    await using watcher = await signedIn(one, 'w', { watchlist: users });
    assert.deepEqual(await nextWatched(watcher), ['-came', '-flapped', '+went', '+stayed']);
    link.deaf = true;
    await went[Symbol.asyncDispose]();
    await using came = await signedIn(two, 'came');
    const flapped = await signedIn(two, 'flapped');
    await cluster.untilCounted(1, userChannel('flapped'));
    await flapped[Symbol.asyncDispose]();
    await cluster.untilCounted(0, userChannel('flapped'));
    for (const [user, count] of [
      ['went', 0],
      ['came', 1],
    ] as const)
      await cluster.untilCounted(count, userChannel(user));
    link.deaf = false;
    link.gap();
    const news: string[] = [];
    while (news.length < 2) news.push(...(await nextWatched(watcher)));
    assert.deepEqual(news.toSorted(), ['+came', '-went']);
    link.gap();
    await using marker = await signedIn(two, 'flapped');
    assert.deepEqual(await nextWatched(watcher), ['+flapped']);
    for (const client of [came, stayed, marker]) await client.nothingBefore('they watch nobody');
  });

  it('[US35] a gap of one user reads that one', async () => {
    const link = new Link();
    await using cluster = await startCluster({ edge: QUICK }, link.around);
    await using watcher = await signedIn(cluster.one, 'w', { watchlist: ['7', '8'] });
    await nextWatched(watcher);
    link.reads.length = 0;
    link.gap(keyOf(userChannel('8')));
    link.gap(keyOf(userChannel('nobody')));
    link.gap(keyOf('presence-x'));
    await using eight = await signedIn(cluster.two, '8');
    assert.deepEqual(await nextWatched(watcher), ['+8']);
    assert.deepEqual(link.reads, [[keyOf(userChannel('8'))]]);
    await eight.nothingBefore('it watches nobody');
  });

  for (const [what, failures] of [
    // The last of them delay one of the two users alone.
    ['feed', { subscribe: 5, online: 0 }],
    ['store', { subscribe: 0, online: 2 }],
  ] as const)
    it(`[US35] the ${what} is asked until it answers, and nothing is told before all is known`, async () => {
      const link = new Link();
      const failed = new Inbox<unknown>('failed calls');
      await using cluster = await startCluster(
        { edge: QUICK, events: { stateFailed: failed.push } },
        link.around,
      );
      await using eight = await signedIn(cluster.two, '8');
      await cluster.untilCounted(1, userChannel('8'));
      link.failures = { ...failures };
      await using watcher = await signedIn(cluster.one, 'w', { watchlist: ['7', '8'] });
      await failed.take(2);
      await watcher.nothingBefore('not yet');
      assert.deepEqual(await nextWatched(watcher), ['-7', '+8']);
      await eight.nothingBefore('it watches nobody');
    });

  it('[US34] who goes before it was told anything leaves nothing behind', async () => {
    const link = new Link();
    await using cluster = await startCluster({ edge: QUICK }, link.around);
    const { one } = cluster;
    link.failures = { subscribe: 1_000, online: 1_000 };
    const watcher = await signedIn(one, 'w', { watchlist: ['7', '8'] });
    await one.until(({ watchedUsers }) => watchedUsers === 2, 'both are watched');
    await watcher[Symbol.asyncDispose]();
    await one.until(({ watchedUsers }) => watchedUsers === 0, 'nobody is watched');
  });

  for (const seed of [1, 2, 3, 4])
    it(`[US35] whatever comes and goes, and whatever is missed, each is told in turns and the truth at last (seed ${seed})`, async () => {
      const link = new Link();
      await using cluster = await startCluster({ edge: QUICK }, link.around);
      await using stage = new Stage(cluster, link, seed);
      await stage.play(120);
      await stage.expectTruth();
    });
});

/** What stands between the first edge and the state. */
class Link {
  deaf = false;
  failures = { subscribe: 0, online: 0 };
  readonly reads: (readonly ChannelKey[])[] = [];
  readonly #calls: string[];
  #events: RosterFeedEvents | undefined;

  constructor(calls: string[] = []) {
    this.#calls = calls;
  }

  readonly around: Around = (state, edge): StateOfTest => {
    if (edge > 0) return state;
    return {
      store: {
        ...state.store,
        online: async (users) => {
          this.#fail('online');
          this.reads.push(users);
          return state.store.online(users);
        },
      },
      openFeed: async (events) => {
        this.#events = events;
        const feed = await state.openFeed({
          onChange: (channel, change) => {
            if (!this.deaf) events.onChange(channel, change);
          },
          onCount: (channel, count) => events.onCount(channel, count),
          onGap: (channel) => events.onGap(channel),
        });
        return {
          subscribe: async (channel) => {
            this.#fail('subscribe');
            this.#calls.push(`subscribe ${channel}`);
            await feed.subscribe(channel);
          },
          unsubscribe: (channel) => {
            this.#calls.push(`unsubscribe ${channel}`);
            feed.unsubscribe(channel);
          },
          [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
        };
      },
    };
  };

  gap(channel?: ChannelKey): void {
    this.#events?.onGap(channel);
  }

  #fail(what: 'subscribe' | 'online'): void {
    this.failures[what] -= 1;
    if (this.failures[what] >= 0) throw new Failure('unavailable', 'away');
  }
}

const USERS = ['a', 'b', 'c', 'd'];

/** Users who come and go on both edges at random, and some on the first edge who watch them. */
class Stage implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #link: Link;
  readonly #chance: Chance;
  readonly #sockets: { readonly user: string; readonly client: Client }[] = [];
  readonly #watchers: Client[] = [];

  constructor(cluster: Cluster, link: Link, seed: number) {
    this.#cluster = cluster;
    this.#link = link;
    this.#chance = new Chance(seed);
  }

  async play(moves: number): Promise<void> {
    for (let move = 0; move < moves; move += 1) {
      const dice = this.#chance.next();
      if (dice < 0.4) await this.#come();
      else if (dice < 0.75) await this.#go();
      else if (dice < 0.82) this.#link.deaf = true;
      else if (dice < 0.9) this.#hearAgain();
      else if (this.#watchers.length < 4) await this.#watch();
    }
    await this.#watch();
    this.#hearAgain();
  }

  async expectTruth(): Promise<void> {
    const online = new Set(this.#sockets.map(({ user }) => user));
    for (const user of USERS) {
      const count = this.#sockets.filter((socket) => socket.user === user).length;
      await this.#cluster.untilCounted(count, userChannel(user));
    }
    // The marker comes and goes last, so that whatever else there is to tell is told before it went.
    const marker = await signedIn(this.#cluster.two, 'marker');
    await this.#cluster.untilCounted(1, userChannel('marker'));
    await marker[Symbol.asyncDispose]();
    const expected = USERS.map((user) => `${online.has(user) ? '+' : '-'}${user}`);
    for (const watcher of this.#watchers)
      assert.deepEqual(await knownTo(watcher), [...expected, '-marker']);
  }

  async #come(): Promise<void> {
    const user = this.#chance.of(USERS);
    const edge = this.#chance.of([this.#cluster.one, this.#cluster.two]);
    this.#sockets.push({ user, client: await signedIn(edge, user) });
  }

  async #go(): Promise<void> {
    const at = this.#chance.below(this.#sockets.length);
    const [socket] = this.#sockets.splice(at, 1);
    await socket?.client[Symbol.asyncDispose]();
  }

  async #watch(): Promise<void> {
    const watchlist = [...USERS, 'marker'];
    this.#watchers.push(await signedIn(this.#cluster.one, 'w', { watchlist }));
  }

  #hearAgain(): void {
    this.#link.deaf = false;
    this.#link.gap();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#sockets) await client[Symbol.asyncDispose]();
    for (const watcher of this.#watchers) await watcher[Symbol.asyncDispose]();
  }
}

/** What a watcher knows of everybody in the end: when the marker came and went. */
async function knownTo(watcher: Client): Promise<readonly (string | undefined)[]> {
  const users = [...USERS, 'marker'];
  const known = new Map<string, string>();
  for (let came = false; !(came && known.get('marker') === '-marker');)
    for (const news of await nextWatched(watcher)) {
      assert.notEqual(known.get(news.slice(1)), news, 'told in turns');
      known.set(news.slice(1), news);
      came ||= news === '+marker';
    }
  return users.map((user) => known.get(user));
}
