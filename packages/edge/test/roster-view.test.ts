import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Roster, RosterChange } from '@fanfare/core';
import { RosterView, type MemberEvent } from '../src/roster-view.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

describe('RosterView', () => {
  it('[PS7] what a roster knows already is dropped, what comes after it is applied', () => {
    const view = new RosterView();
    view.apply(change(10, 20, '+a'));
    view.apply(change(20, 30, '+b'));
    assert.deepEqual(view.take(roster(20, 'a'), 0).map(shown), ['+a', '+b']);
    assert.deepEqual(view.apply(change(20, 30, '+b')), []);
    assert.deepEqual(view.apply(change(30, 40, '-a')).map(shown), ['-a']);
    assert.deepEqual(view.take(roster(30, 'a', 'b'), 0), [], 'older than what the view knows');
    assert.deepEqual(view.visible, [{ user: 'b', info: '' }]);
    assert.equal(view.isLost, false);
  });

  it('[PS7] a roster that begins anew follows on one that was empty, and on no other', () => {
    const view = new RosterView();
    view.take(roster(20, 'a'), 0);
    view.apply(change(20, 30, '-a'));
    assert.deepEqual(view.apply(change(0, 40, '+b')).map(shown), ['+b']);
    assert.deepEqual(view.apply(change(0, 60, '+c')), []);
    assert.equal(view.isLost, true);
  });

  it('[ED14] after a gap only a roster asked for since then is taken, whatever its version', () => {
    const view = new RosterView();
    const { generation } = view;
    view.take(roster(50, 'a', 'b'), generation);
    view.lose();
    assert.equal(view.isLost, true);
    assert.deepEqual(view.take(roster(60), generation), [], 'asked for before');
    assert.deepEqual(view.apply(change(20, 30, '+c')), []);
    // A failover has lost what came after 20.
    assert.deepEqual(view.take(roster(20, 'a'), view.generation).map(shown), ['-b', '+c']);
    assert.equal(view.isLost, false);
    assert.deepEqual(view.apply(change(30, 40, '-c')).map(shown), ['-c']);
  });

  it('[ED14] the first roster is shown even if it may be too old, until a newer one is there', () => {
    const view = new RosterView();
    view.lose();
    assert.deepEqual(view.take(roster(10, 'a'), 0).map(shown), ['+a']);
    assert.equal(view.isLost, true);
    view.apply(change(10, 20, '+b'));
    assert.deepEqual(view.take(roster(20, 'a', 'b'), 1).map(shown), ['+b']);
    assert.equal(view.isLost, false);
  });

  it('[ED14] changes that wait are bounded: beyond it a new roster is asked for', () => {
    const view = new RosterView();
    for (let version = 1; version <= 1000; version += 1)
      view.apply(change(version - 1, version, version % 2 ? '+a' : '-a'));
    assert.equal(view.isLost, false);
    view.apply(change(1000, 1001, '+a'));
    assert.equal(view.isLost, true);
    assert.deepEqual(view.take(roster(1000), view.generation).map(shown), ['+a']);
    assert.equal(view.isLost, false);
  });

  it('[PS5] whoever is here is in, whatever the store says', () => {
    const view = new RosterView();
    view.seat({ user: 'a', info: '{"n":1}' });
    assert.deepEqual(view.take(roster(10, 'a'), 0).map(shown), ['+a']);
    assert.deepEqual(view.admit('a'), []);
    assert.deepEqual(view.apply(change(10, 20, '-a')), [], 'the store has lost sight of this edge');
    assert.deepEqual(view.visible, [{ user: 'a', info: '{"n":1}' }]);
    assert.deepEqual(view.apply(change(0, 30, '+a')), []);
    assert.deepEqual(view.apply(change(30, 40, '-a')), []);
    assert.deepEqual(view.part('a').map(shown), ['-a']);
    assert.deepEqual([...view.users()], []);
  });

  it('[PS8] a seat that was refused is none', () => {
    const view = new RosterView();
    view.seat({ user: 'a', info: '' });
    view.seat({ user: 'a', info: '' });
    view.unseat('a');
    assert.equal(view.seats('a'), 1);
    view.unseat('a');
    assert.deepEqual([view.seats('a'), ...view.users()], [0]);
  });

  it('[PS6] a member who comes back with another user_info was away in between', () => {
    const view = new RosterView();
    view.take({ version: 1, members: [{ user: 'a', info: '{"n":1}' }] }, 0);
    view.lose();
    const events = view.take({ version: 5, members: [{ user: 'a', info: '{"n":2}' }] }, 1);
    assert.deepEqual(events, [
      { joined: false, user: 'a' },
      { joined: true, member: { user: 'a', info: '{"n":2}' } },
    ]);
  });

  for (const seed of seeds([1, 2, 3])) {
    it(`[PS7] stays consistent and finds back to the truth, whatever is lost or late (seed ${seed})`, (test) => {
      const chance = showSeed(test, seed);
      for (let run = 0; run < 200; run += 1) new Run(chance).play(120);
    });
  }
});

function change(from: number, version: number, step: string): RosterChange {
  return { from, version, joined: step.startsWith('+'), user: step.slice(1), info: '' };
}

function roster(version: number, ...users: readonly string[]): Roster {
  return { version, members: users.map((user) => ({ user, info: '' })) };
}

function shown(event: MemberEvent): string {
  return event.joined ? `+${event.member.user}` : `-${event.user}`;
}

const USERS = ['a', 'b', 'c', 'd'] as const;

/** A roster somewhere, and a view of it over a link that is late, breaks, or loses in silence. */
class Run {
  readonly #chance: Chance;
  readonly #view = new RosterView();
  /** What a subscriber knows who was there from the start. */
  readonly #seen = new Set<string>();
  readonly #here: string[] = [];
  #version = 0;
  #last = 0;
  readonly #truth = new Set<string>();
  #link: RosterChange[] = [];
  #cut = false;
  /** Rosters on their way, and what to do with each. */
  readonly #answers: (() => void)[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  play(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      this.#step();
      this.#check();
    }
    while (this.#answers.length > 0) this.#answers.shift()?.();
    while (this.#link.length > 0) this.#deliver();
    this.#gap();
    while (this.#view.isLost) {
      this.#read()();
      while (this.#link.length > 0) this.#deliver();
    }
    this.#check();
    assert.deepEqual(this.#known(), [...new Set([...this.#truth, ...this.#here])].toSorted());
  }

  #step(): void {
    const user = this.#chance.of(USERS);
    const actions = [
      () => this.#change(user),
      () => this.#change(user),
      () => this.#deliver(),
      () => this.#deliver(),
      () => void this.#answers.push(this.#read()),
      () => this.#answers.splice(this.#chance.below(this.#answers.length), 1)[0]?.(),
      () => this.#join(user),
      () => this.#leave(),
      () => this.#chance.below(4) === 0 && this.#breakDown(),
      () => this.#cut && this.#gap(),
    ];
    this.#chance.of(actions)();
  }

  #change(user: string): void {
    const from = this.#truth.size === 0 ? 0 : this.#version;
    const joined = !this.#truth.delete(user);
    if (joined) this.#truth.add(user);
    this.#last += 1;
    this.#version = this.#last;
    if (!this.#cut) this.#link.push({ from, version: this.#version, joined, user, info: '' });
  }

  #deliver(): void {
    const next = this.#link.shift();
    if (next !== undefined) this.#tell(this.#view.apply(next));
  }

  /** The store reads at once, and its answer takes a while. */
  #read(): () => void {
    const { generation } = this.#view;
    const version = this.#truth.size === 0 ? 0 : this.#version;
    const read = roster(version, ...this.#truth);
    return () => this.#tell(this.#view.take(read, generation));
  }

  #join(user: string): void {
    this.#view.seat({ user, info: '' });
    if (!this.#truth.has(user)) this.#change(user);
    const take = this.#read();
    this.#answers.push(() => {
      take();
      this.#tell(this.#view.admit(user));
      this.#here.push(user);
    });
  }

  #leave(): void {
    const user = this.#here.shift();
    if (user !== undefined) this.#tell(this.#view.part(user));
  }

  /** The link breaks, or a change is lost in silence, or a failover forgets what was last. */
  #breakDown(): void {
    const what = this.#chance.below(3);
    if (what === 0) this.#link.shift();
    else this.#cut = true;
    if (what !== 2) return;
    this.#link = [];
    this.#last = Math.max(0, this.#last - this.#chance.below(5));
    this.#version = this.#last;
    this.#truth.delete(this.#chance.of(USERS));
  }

  #gap(): void {
    this.#cut = false;
    this.#link = [];
    this.#view.lose();
  }

  #tell(events: readonly MemberEvent[]): void {
    for (const event of events) {
      const user = event.joined ? event.member.user : event.user;
      assert.ok(!this.#view.isAdmitted(user) || !this.#here.includes(user), 'told of itself');
      if (event.joined) assert.ok(!this.#seen.has(user), `${user} was in`);
      else assert.ok(this.#seen.has(user), `${user} was not in`);
      if (event.joined) this.#seen.add(user);
      else this.#seen.delete(user);
    }
  }

  #check(): void {
    assert.deepEqual([...this.#seen].toSorted(), this.#known());
  }

  #known(): readonly string[] {
    return this.#view.visible.map(({ user }) => user).toSorted();
  }
}
