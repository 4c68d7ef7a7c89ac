import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { PONG, type Client } from './client.ts';
import type { EdgeUnderTest } from './edge-under-test.ts';
import { within } from './inbox.ts';
import { askFor, dataOf, presenceOf, ROOM } from './presence-cluster.ts';
import type { Chance } from './seeded.ts';

const USERS = Array.from({ length: 12 }, (_, index) => `user-${index}`);

/** Clients that come to a presence channel and go at random. */
export class Crowd {
  readonly #chance: Chance;
  #members: Member[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  async open(edges: readonly EdgeUnderTest[], clientsPerEdge: number): Promise<void> {
    for (const edge of edges)
      for (let index = 0; index < clientsPerEdge; index += 1)
        this.#members.push(await Member.open(edge, this.#chance.of(USERS)));
  }

  /** Those who want to be in, and have asked for it. */
  get inside(): readonly Member[] {
    return this.#members.filter(({ wantsIn }) => wantsIn);
  }

  /** The users who are in once everything is quiet. */
  get truth(): ReadonlySet<string> {
    return new Set(this.inside.map(({ user }) => user));
  }

  async step(): Promise<void> {
    const member = this.#chance.of(this.#members);
    if (this.#chance.below(10) === 0) {
      await member.client[Symbol.asyncDispose]();
      const another = await Member.open(member.edge, this.#chance.of(USERS));
      this.#members = this.#members.map((each) => (each === member ? another : each));
    } else member.toggle();
    // Long enough for ticks to fall between some of the steps.
    for (let turns = this.#chance.below(30); turns > 0; turns -= 1) await turn();
  }

  /** Resolves when everybody who is in knows the truth. */
  async settle(): Promise<void> {
    for (const member of this.inside) await member.settle();
    for (const member of this.inside) await member.until(this.truth);
  }

  async leave(): Promise<void> {
    for (const { client } of this.#members) await client[Symbol.asyncDispose]();
  }
}

/** A client that keeps the roster as an SDK does, and fails on anything that cannot be. */
export class Member {
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
