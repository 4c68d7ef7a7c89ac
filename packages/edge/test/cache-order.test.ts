import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { CachedEvent, Place } from '@fanfare/core';
import { parseSocketId, type SocketId } from '@fanfare/protocol';
import { CacheChannel } from '../src/cache-channel.ts';
import type { ClientSocket } from '../src/socket.ts';
import { keyOf } from './edge-under-test.ts';
import { seeds, showSeed, type Chance } from './seeded.ts';

describe('The order of what is read and what comes', () => {
  for (const seed of seeds([1, 2, 3])) {
    it(`[CC33] each subscriber gets the last event as of when it asked, or a later one, and then all later ones, once, in order (seed ${seed})`, async (test) => {
      const chance = showSeed(test, seed);
      for (let run = 0; run < 100; run += 1) await new Schedule(chance).run(120);
    });
  }

  it('[CC34] a minute after it was given an event, a socket takes what follows whatever its number', async () => {
    let nowMs = 0;
    const taken: string[] = [];
    const event: CachedEvent = { frame: 'x', place: { epoch: 'A', seq: 7 }, leftMs: 1 };
    const cache = new CacheChannel(keyOf('cache-a'), {
      recall: async () => event,
      nowMs: () => nowMs,
    });
    const [id, socket] = [parseSocketId('1.1'), { subscribe: () => taken.push('joined') }];
    assert.ok(id !== undefined);
    cache.enter(id, socket as unknown as ClientSocket, await cache.first());
    for (const ms of [0, 59_999]) {
      nowMs = ms;
      cache.onEvent(Buffer.from('late'), { epoch: 'A', seq: 6 });
      assert.deepEqual([taken, cache.apart], [[], 1]);
    }
    nowMs = 60_000;
    cache.onEvent(Buffer.from('after a failover'), { epoch: 'A', seq: 6 });
    assert.deepEqual([taken, cache.apart], [['joined'], 0]);
  });
});

interface Message {
  readonly number: number;
  readonly place: Place;
}

/** Of one socket: all numbers that it was given; undefined for a miss. */
interface Reader {
  readonly id: SocketId;
  readonly socket: ClientSocket;
  /** The last number that was published before it asked. */
  readonly asked: number;
  readonly got: (number | undefined)[];
}

/** A read on its way to the store, or with its answer on the way back. */
interface Recall {
  readonly resolve: (event: CachedEvent | undefined) => void;
  answer: { readonly event: CachedEvent | undefined } | undefined;
}

/** A store, a slow way from it for events and another one for reads, and readers who come and go. */
class Schedule {
  readonly #chance: Chance;
  readonly #topic = new Set<ClientSocket>();
  readonly #readers = new Set<Reader>();
  readonly #cache: CacheChannel;
  #published = 0;
  #epoch = 0;
  #seq = 0;
  #kept: CachedEvent | undefined;
  #underWay: Message[] = [];
  #recalls: Recall[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#cache = new CacheChannel(keyOf('cache-a'), {
      recall: async () =>
        new Promise((resolve) => this.#recalls.push({ resolve, answer: undefined })),
      nowMs: () => 0,
    });
    // What was published before this edge listened never comes.
    for (let left = chance.below(3); left > 0; left -= 1) this.#publish();
    this.#underWay = [];
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      this.#step();
      if (this.#chance.below(3) > 0) await turn();
    }
    await this.#settle();
    for (const reader of this.#readers) this.#check(reader);
  }

  #step(): void {
    const what = this.#chance.below(12);
    if (what < 3) this.#publish();
    else if (what < 6) this.#deliver();
    else if (what < 8) this.#come();
    else if (what < 9) this.#go();
    else if (what < 10) this.#serve();
    else this.#reply();
  }

  #publish(): void {
    // An epoch ends when nothing was published for longer than anything is under way.
    if (this.#underWay.length === 0 && this.#recalls.length === 0 && this.#chance.below(4) === 0) {
      this.#epoch += 1;
      this.#seq = 0;
    }
    this.#published += 1;
    this.#seq += 1;
    const place = { epoch: String(this.#epoch), seq: this.#seq };
    this.#kept = { frame: String(this.#published), place, leftMs: 1 };
    this.#underWay.push({ number: this.#published, place });
  }

  /** As the hub does. */
  #deliver(): void {
    const message = this.#underWay.shift();
    if (message === undefined) return;
    this.#cache.onEvent(Buffer.from(String(message.number)), message.place);
    for (const { socket, got } of this.#readers)
      if (this.#topic.has(socket)) got.push(message.number);
  }

  #come(): void {
    const id = parseSocketId(`1.${this.#chance.below(2 ** 30)}`);
    assert.ok(id !== undefined);
    const socket = { subscribe: () => this.#topic.add(socket) } as unknown as ClientSocket;
    const reader: Reader = { id, socket, asked: this.#published, got: [] };
    this.#readers.add(reader);
    void this.#enter(reader);
  }

  /** As a subscription does, in the turn of the answer. */
  async #enter(reader: Reader): Promise<void> {
    const first = await this.#cache.first();
    if (!this.#readers.has(reader)) return;
    reader.got.push(first.frame === undefined ? undefined : Number(first.frame));
    this.#cache.enter(reader.id, reader.socket, first);
  }

  #go(): void {
    if (this.#readers.size < 4) return;
    const reader = this.#chance.of([...this.#readers]);
    this.#readers.delete(reader);
    this.#topic.delete(reader.socket);
    this.#cache.part(reader.id);
  }

  /** The store answers one of the reads that have reached it. */
  #serve(): void {
    const waiting = this.#recalls.filter(({ answer }) => answer === undefined);
    if (waiting.length > 0) this.#chance.of(waiting).answer = { event: this.#kept };
  }

  #reply(): void {
    const answered = this.#recalls.find(({ answer }) => answer !== undefined);
    if (answered === undefined) return;
    this.#recalls = this.#recalls.filter((recall) => recall !== answered);
    answered.resolve(answered.answer?.event);
  }

  async #settle(): Promise<void> {
    await turn();
    await turn();
    while (this.#recalls.length > 0) {
      this.#serve();
      this.#reply();
      await turn();
    }
    while (this.#underWay.length > 0) this.#deliver();
  }

  #check({ asked, got }: Reader): void {
    const [first, ...later] = got;
    assert.ok((first ?? 0) >= asked, `asked behind ${asked}, got ${got.join()}`);
    const expected = Array.from(
      { length: this.#published - (first ?? 0) },
      (_, index) => (first ?? 0) + index + 1,
    );
    assert.deepEqual(later, expected);
  }
}
