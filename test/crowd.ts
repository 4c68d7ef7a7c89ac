import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { openRawSocket, type Frame, type RawSocket } from './raw-socket.ts';
import { subscription } from './truth.ts';

/** A client in the crowd, with the roster as its user would see it. */
interface Person {
  readonly user: string;
  readonly socket: RawSocket;
  /** It has asked to be in; whether it was confirmed shows in `roster`. */
  isIn: boolean;
  /** As of its last confirmation, with what was told since; undefined from its leave on. */
  roster: Set<string> | undefined;
}

export interface CrowdOptions {
  readonly sockets: number;
  /** Fewer than sockets: the rest are further tabs, on whichever edge. */
  readonly users: number;
  readonly seed: number;
}

const PAUSE_MAX_MS = 60;

/** Many clients without an SDK, spread over all edges, that join and leave one presence channel. */
export class Crowd implements AsyncDisposable {
  /** Arrivals of those who were there, and departures of those who were not. */
  readonly repeats: string[] = [];
  readonly #cluster: Cluster;
  readonly #channel: string;
  readonly #people: Person[] = [];
  readonly #random: () => number;

  private constructor(cluster: Cluster, channel: string, seed: number) {
    this.#cluster = cluster;
    this.#channel = channel;
    this.#random = seeded(seed);
  }

  static async open(
    cluster: Cluster,
    channel: string,
    { sockets, users, seed }: CrowdOptions,
  ): Promise<Crowd> {
    const crowd = new Crowd(cluster, channel, seed);
    await Promise.all(
      Array.from({ length: sockets }, async (_, index) => {
        const edge = index % cluster.edges.length;
        const socket = await openRawSocket(cluster.edgeUrl(edge));
        const person = { user: `u${index % users}`, socket, isIn: false, roster: undefined };
        crowd.#people.push(person);
        crowd.#listen(person);
      }),
    );
    return crowd;
  }

  /** All at once, everybody joins and leaves so often, without waiting for answers. */
  async stir({ moves }: { readonly moves: number }): Promise<void> {
    await Promise.all(
      this.#people.map(async (person) => {
        for (let move = 0; move < moves; move += 1) {
          this.#move(person);
          await pause(this.#random() * PAUSE_MAX_MS);
        }
        if (this.#random() < 0.5) this.#move(person);
      }),
    );
  }

  /** Users of whom a socket is in, sorted. */
  truth(): readonly string[] {
    const users = this.#people.filter(({ isIn }) => isIn).map(({ user }) => user);
    return [...new Set(users)].toSorted();
  }

  /** A sentence for everybody whose roster is not the truth. */
  wrong(): readonly string[] {
    const truth = new Set(this.truth());
    return this.#people.flatMap(({ user, isIn, roster }, index) => {
      if (!isIn) return [];
      if (roster === undefined) return [`socket ${index} of ${user} was not let in`];
      const missing = [...truth].filter((each) => !roster.has(each));
      const extra = [...roster].filter((each) => !truth.has(each));
      if (missing.length + extra.length === 0) return [];
      return [`socket ${index} of ${user} misses ${missing.join()} and has ${extra.join()}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#people.map(async ({ socket }) => socket[Symbol.asyncDispose]()));
  }

  #move(person: Person): void {
    const { socket, user } = person;
    person.isIn = !person.isIn;
    if (person.isIn) {
      const sdk = this.#cluster.serverSdk(0);
      socket.send('pusher:subscribe', subscription(sdk, socket.id, this.#channel, user));
      return;
    }
    socket.send('pusher:unsubscribe', { channel: this.#channel });
    // What arrives from now on is of before, and its user no longer looks.
    person.roster = undefined;
  }

  #listen(person: Person): void {
    person.socket.transport.on('message', (bytes: Buffer) =>
      this.#take(person, JSON.parse(bytes.toString()) as Frame),
    );
  }

  #take(person: Person, { event, data }: Frame): void {
    if (event === 'pusher:error') this.repeats.push(`${person.user} was told ${String(data)}`);
    if (event === 'pusher_internal:subscription_succeeded') {
      const { presence } = JSON.parse(String(data)) as { readonly presence: Presence };
      person.roster = new Set(presence.ids);
      if (presence.count !== person.roster.size || presence.ids.length !== presence.count)
        this.repeats.push(`${person.user} got a roster that counts wrong: ${String(data)}`);
      return;
    }
    const { roster } = person;
    if (roster === undefined) return;
    const { user_id: user } = JSON.parse(String(data)) as { readonly user_id: string };
    if (event === 'pusher_internal:member_added') {
      if (roster.has(user)) this.repeats.push(`${person.user} was told twice that ${user} came`);
      roster.add(user);
    } else if (event === 'pusher_internal:member_removed') {
      if (!roster.delete(user))
        this.repeats.push(`${person.user} was told twice that ${user} went`);
    }
  }
}

interface Presence {
  readonly count: number;
  readonly ids: readonly string[];
}

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
