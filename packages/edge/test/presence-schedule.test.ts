import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { RosterChange, RosterFeedEvents } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import { keyOf, type StateOfTest } from './edge-under-test.ts';
import { ROOM, startCluster, type Around } from './presence-cluster.ts';
import { Crowd } from './presence-crowd.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

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
  const crowd = new Crowd(chance);
  await crowd.open([cluster.one, cluster.two], CLIENTS_PER_EDGE);
  for (let step = 0; step < STEPS; step += 1) await crowd.step();
  heal();
  const { truth, inside } = crowd;
  await crowd.settle();
  await cluster.untilCounted(inside.length);
  // Nothing that was on its way may change what they know.
  const marker = await cluster.one.trigger(ROOM);
  for (const member of inside) assert.deepEqual(await member.rosterAt(marker), truth);
  assert.deepEqual(new Set(await cluster.store.users(keyOf(ROOM))), truth);
  await crowd.leave();
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
          onCount: (channel, count) => events.onCount(channel, count),
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
