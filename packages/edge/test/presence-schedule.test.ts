import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { RosterChange, RosterFeedEvents } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import { PONG, type Client } from './client.ts';
import { keyOf, type EdgeUnderTest, type StateOfTest } from './edge-under-test.ts';
import { within } from './inbox.ts';
import { askFor, dataOf, presenceOf, ROOM, startCluster, type Around } from './presence-cluster.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

const USERS = Array.from({ length: 12 }, (_, index) => `user-${index}`);
const CLIENTS_PER_EDGE = 12;
const STEPS = 200;

describe('Members who come and go at random on two edges', () => {
  for (const seed of seeds([1, 2])) {
    it(`[PS7] every client always knows the roster, without hole or repeat (seed ${seed})`, async (test) => {
      await play(showSeed(test, seed));
    });

    it(`[ED14] also when changes are lost, late or cut off (seed ${seed})`, async (test) => {
      const chance = showSeed(test, seed);
      const feeds = [new UnreliableFeed(chance), new UnreliableFeed(chance)];
      await play(
        chance,
        (state, edge) => feeds[edge]?.around(state) ?? state,
        () => {
          for (const feed of feeds) feed.heal();
        },
      );
    });
  }
});

async function play(chance: Chance, around?: Around, heal = (): void => {}): Promise<void> {
  await using cluster = await startCluster({}, around);
  const edges = [cluster.one, cluster.two];
  const clients: Member[] = [];
  for (const edge of edges)
    for (let index = 0; index < CLIENTS_PER_EDGE; index += 1)
      clients.push(await Member.open(edge, chance.of(USERS)));
  for (let step = 0; step < STEPS; step += 1) {
    const at = chance.below(clients.length);
    const member = clients[at];
    if (member === undefined) continue;
    if (chance.below(10) === 0) {
      await member.client[Symbol.asyncDispose]();
      clients[at] = await Member.open(member.edge, chance.of(USERS));
    } else member.toggle();
    // Long enough for ticks to fall between some of the steps.
    for (let turns = chance.below(30); turns > 0; turns -= 1) await turn();
  }
  heal();
  const truth = new Set(clients.filter(({ wantsIn }) => wantsIn).map(({ user }) => user));
  const inside = clients.filter(({ wantsIn }) => wantsIn);
  for (const member of inside) await member.settle();
  for (const member of inside) await member.until(truth);
  await cluster.untilCounted(inside.length);
  // Nothing that was on its way may change what they know.
  const marker = await cluster.one.trigger(ROOM);
  for (const member of inside) assert.deepEqual(await member.rosterAt(marker), truth);
  assert.deepEqual(new Set(await cluster.store.users(keyOf(ROOM))), truth);
  for (const { client } of clients) await client[Symbol.asyncDispose]();
}

/** A client that keeps the roster as an SDK does, and fails on anything that cannot be. */
class Member {
  readonly client: Client;
  readonly edge: EdgeUnderTest;
  readonly user: string;
  wantsIn = false;
  /** Undefined while it is not confirmed. */
  #roster: Set<string> | undefined;

  private constructor(client: Client, edge: EdgeUnderTest, user: string) {
    this.client = client;
    this.edge = edge;
    this.user = user;
  }

  static async open(edge: EdgeUnderTest, user: string): Promise<Member> {
    const member = new Member(await edge.connect(), edge, user);
    member.toggle();
    return member;
  }

  toggle(): void {
    this.wantsIn = !this.wantsIn;
    if (this.wantsIn) askFor(this.client, dataOf(this.user, { of: this.user }));
    else this.client.unsubscribe(ROOM);
  }

  /** Takes frames until all that it has asked for is answered. */
  async settle(): Promise<void> {
    this.client.send('{"event":"pusher:ping"}');
    await this.rosterAt(PONG);
  }

  /** Takes frames until it knows exactly these. */
  async until(truth: ReadonlySet<string>): Promise<void> {
    while (!this.#knows(truth)) {
      const text = await this.client.next().catch((error: unknown) => {
        const known = [...(this.#roster ?? [])].toSorted().join();
        const wanted = [...truth].toSorted().join();
        throw new Error(`${this.user} knows ${known}, not ${wanted}`, { cause: error });
      });
      this.#take(text);
    }
  }

  /** Takes frames up to this one. */
  async rosterAt(marker: string): Promise<ReadonlySet<string> | undefined> {
    for (;;) {
      const text = await within(this.client.next(), `waited for ${marker}`);
      if (text === marker) return this.#roster;
      this.#take(text);
    }
  }

  #knows(truth: ReadonlySet<string>): boolean {
    const roster = this.#roster;
    return (
      this.client.inbox.size === 0 &&
      roster !== undefined &&
      roster.size === truth.size &&
      [...truth].every((user) => roster.has(user))
    );
  }

  #take(text: string): void {
    const frame = JSON.parse(text) as { readonly event: string; readonly data: string };
    if (frame.event === 'pusher_internal:subscription_succeeded') {
      const { ids, count, hash } = presenceOf(frame);
      assert.equal(count, ids.length);
      assert.deepEqual(Object.keys(hash).toSorted(), ids.toSorted());
      this.#roster = new Set(ids);
      assert.equal(this.#roster.size, count, 'nobody twice');
      assert.ok(this.#roster.has(this.user), 'the joiner is in');
      return;
    }
    const { user_id: user } = JSON.parse(frame.data) as { user_id: string };
    assert.notEqual(user, this.user, `${frame.event} of itself`);
    if (frame.event === 'pusher_internal:member_added') {
      assert.ok(this.#roster?.has(user) === false, `${user} was in already`);
      this.#roster.add(user);
    } else {
      assert.equal(frame.event, 'pusher_internal:member_removed');
      assert.ok(this.#roster?.delete(user), `${user} was not in`);
    }
  }
}

/** Loses some changes in silence, others with a gap that it tells later, and reads rosters late. */
class UnreliableFeed {
  readonly #chance: Chance;
  #events: RosterFeedEvents | undefined;
  #cut = false;
  #healed = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  around(state: StateOfTest): StateOfTest {
    const { store } = state;
    return {
      store: {
        ...store,
        roster: async (channel) => {
          const roster = await store.roster(channel);
          for (let turns = this.#below(20); turns > 0; turns -= 1) await turn();
          if (this.#below(5) === 1) throw new Error('the store did not answer');
          return roster;
        },
      },
      openFeed: async (events) => {
        this.#events = events;
        return state.openFeed({
          onChange: (channel, change) => this.#change(channel, change),
          onGap: (channel) => events.onGap(channel),
        });
      },
    };
  }

  /** What was lost in silence shows with the next change, so a last gap is told. */
  heal(): void {
    this.#healed = true;
    this.#events?.onGap(undefined);
  }

  #below(count: number): number {
    return this.#healed ? 0 : this.#chance.below(count);
  }

  #change(channel: ChannelKey, change: RosterChange): void {
    if (this.#cut && this.#below(3) === 0) {
      this.#cut = false;
      this.#events?.onGap(this.#below(2) === 0 ? undefined : channel);
    }
    if (this.#cut) return;
    const what = this.#below(12);
    if (what === 1) this.#cut = true;
    else if (what !== 2) this.#events?.onChange(channel, change);
  }
}
