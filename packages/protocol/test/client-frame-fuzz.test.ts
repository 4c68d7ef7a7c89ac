import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeClientFrame, errorFrame, type ClientFrame } from '../src/index.ts';

const ROUNDS = 20_000;
/** 200 characters of the client's and the longest sentence around them. */
const MESSAGE_CHARS = 300;

/** What the type says of each kind of frame: which members it has and what may stand in them. */
const members: Readonly<Record<ClientFrame['kind'], Readonly<Record<string, readonly string[]>>>> =
  {
    ping: {},
    pong: {},
    subscribe: {
      channel: ['string'],
      auth: ['string', 'undefined'],
      channelData: ['string', 'undefined'],
    },
    unsubscribe: { channel: ['string'] },
    signin: { auth: ['string'], userData: ['string'] },
    'client-event': { event: ['string'], channel: ['string'], data: ['string'] },
  };

it('[FR8] whatever a client sends, it is decoded or refused', (t) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  t.diagnostic(`FUZZ_SEED=${seed}`);
  const random = new Random(seed);
  const kinds = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = random.text();
    try {
      kinds.add(check(text));
    } catch (cause) {
      const shown = JSON.stringify(text.slice(0, 500));
      throw new Error(`FUZZ_SEED=${seed}, round ${round}: ${shown}`, { cause });
    }
  }
  // Otherwise the texts would have been too wild to say anything.
  assert.deepEqual([...kinds].toSorted(), [...Object.keys(members), 'refused'].toSorted());
});

function check(text: string): string {
  const decoded = decodeClientFrame(text);
  assert.deepEqual(decodeClientFrame(text), decoded);
  if (!decoded.ok) {
    assert.equal(decoded.error.code, null);
    assert.ok(decoded.error.message.length <= MESSAGE_CHARS, decoded.error.message);
    JSON.parse(errorFrame(decoded.error));
    return 'refused';
  }
  const { kind, ...rest } = decoded.frame;
  assert.deepEqual(Object.keys(rest).toSorted(), Object.keys(members[kind]).toSorted());
  for (const [name, value] of Object.entries(rest))
    assert.ok(members[kind][name]?.includes(typeof value), `${name} is ${typeof value}`);
  return kind;
}

const seeds = [
  '{"event":"pusher:ping","data":{}}',
  '{"event":"pusher:pong","data":"{}"}',
  '{"event":"pusher:subscribe","data":{"auth":"","channel":"news"}}',
  '{"event":"pusher:subscribe","data":{"auth":null,"channel_data":null,"channel":"private-x"}}',
  String.raw`{"event":"pusher:subscribe","data":{"auth":"K:s","channel_data":"{\"user_id\":\"7\"}","channel":"presence-x"}}`,
  String.raw`{"event":"pusher:subscribe","data":"{\"channel\":\"private-x\",\"auth\":\"K:s\"}"}`,
  '{"event":"pusher:unsubscribe","data":{"channel":"x"}}',
  String.raw`{"event":"pusher:signin","data":{"auth":"K:s","user_data":"{\"id\":\"7\"}"}}`,
  '{"event":"client-typing","channel":"private-x","data":{"a":[1,null,"x"]}}',
  String.raw`{"event":"client-typing","channel":"private-x","data":"{\"a\":1}"}`,
] as const;

const words = [
  'event',
  'data',
  'channel',
  'auth',
  'channel_data',
  'user_data',
  '__proto__',
  'constructor',
  'toJSON',
  'pusher:subscribe',
  'pusher_internal:member_added',
  'client-a',
  'private-a',
  '',
  '\ud800',
  '😀',
  '\u0000',
] as const;

const pieces = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '\\',
  '\\u',
  'null',
  '1e999',
  '-',
  '\n',
  '\ufeff',
];

/** Stands for a value that is nested more deeply than the stack is. */
const DEEP = 'deep';

/** Mulberry32: small, and the same on every machine. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('a choice out of nothing');
    return value;
  }

  /** A text as a client may send it: a valid frame, one with a changed value, one with changed characters, or any JSON. */
  text(): string {
    const seed = this.of(seeds);
    switch (this.below(4)) {
      case 0:
        return JSON.stringify(this.#json(4)) ?? '';
      case 1:
        return this.#damaged(seed);
      case 2:
        return this.#damaged(this.#altered(seed));
      default:
        return this.#altered(seed);
    }
  }

  #json(depth: number): unknown {
    const scalars = [null, true, false, 0, -1, 1e300, this.of(words), 'x'.repeat(this.below(400))];
    if (depth === 0 || this.below(3) === 0) return this.of(scalars);
    const count = this.below(4);
    const values = Array.from({ length: count }, () => this.#json(depth - 1));
    if (this.below(3) === 0) return values;
    return Object.fromEntries(values.map((value) => [this.of(words), value]));
  }

  /** The same frame with one of its values, at any depth, replaced by something else. */
  #altered(text: string): string {
    const frame: unknown = JSON.parse(text);
    const alter = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null || this.below(4) === 0)
        return this.below(100) === 0 ? DEEP : this.#json(2);
      const entries = Object.entries(value);
      const chosen = this.below(entries.length + 1);
      return Object.fromEntries(
        entries.map(([name, inner], index) => [name, index === chosen ? alter(inner) : inner]),
      );
    };
    const written = JSON.stringify(alter(frame));
    // JSON.stringify could not write what is nested so deeply, so it is put into the text.
    const depth = 1 + this.below(20_000);
    return written.replace(`"${DEEP}"`, () => '['.repeat(depth) + ']'.repeat(depth));
  }

  #damaged(text: string): string {
    let damaged = text;
    for (let count = 1 + this.below(4); count > 0; count -= 1) {
      const at = this.below(damaged.length + 1);
      const end = at + this.below(6);
      const piece =
        this.below(2) === 0 ? this.of(pieces) : damaged.slice(end, end + this.below(20));
      damaged = damaged.slice(0, at) + piece + damaged.slice(this.below(2) === 0 ? at : end);
    }
    return damaged;
  }
}
