import type { Chance } from '../support/seeded.ts';
import type { FuzzApp } from './apps.ts';

/** Users of every app, and one that only this app has. */
export function userIds({ marker }: FuzzApp): readonly string[] {
  return ['u1', 'u2', `${marker}-u3`];
}

/** Channels that are taken, of every kind. They have the same names in every app. */
export const CHANNELS: readonly string[] = [
  'room',
  'private-room',
  'private-encrypted-room',
  'presence-room',
  'presence-other',
  'cache-room',
  'private-cache-room',
  'private-encrypted-cache-room',
  'presence-cache-room',
  '#server-to-user-u1',
  '#server-to-user-u2',
];

/** Names at and around the limits, and what is none. */
const ODD_CHANNELS: readonly string[] = [
  '',
  'x'.repeat(200),
  'x'.repeat(201),
  `presence-${'x'.repeat(191)}`,
  `private-${'x'.repeat(193)}`,
  'private-',
  'presence-',
  'presence-cache-',
  '#',
  '#x',
  '#server-to-user-',
  `#server-to-user-${'u'.repeat(200)}`,
  `#server-to-user-${'u'.repeat(201)}`,
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'private-__proto__',
  'presence-constructor',
  'Private-room',
  '2002/private-room',
  '/private-room',
  '../private-room',
  'private-room\u0000',
  'private-room\n',
  ' private-room',
  'private-röm',
  '频道',
  '😀',
  '\ud800',
  'private-\udfff',
  '*',
  'presence-频道 1',
  'private-a/b?c=d#e',
  'presence-{x}|u1',
  'private-m:u1',
  'cache-ü',
  '{1}',
];

export function channelName(chance: Chance): string {
  const kind = chance.below(10);
  if (kind === 0) return `${chance.of(['', 'private-', 'presence-'])}${fresh(chance)}`;
  return kind < 8 ? chance.of(CHANNELS) : chance.of(ODD_CHANNELS);
}

/** A name that nobody has had. */
export function fresh(chance: Chance): string {
  return `fresh-${chance.below(2 ** 31)}`;
}

/** Any text that somebody might trip over. */
export const TEXTS: readonly string[] = [
  '',
  ' ',
  '0',
  'null',
  '{}',
  '[]',
  '"',
  '\\',
  '\u0000',
  '\u001b[2J',
  '\u2028',
  '\ufeff',
  '\ud800',
  'a\udfffb',
  '😀'.repeat(60),
  '__proto__',
  'constructor',
  'toString',
  'x'.repeat(127),
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(200),
  'x'.repeat(201),
  'x'.repeat(1_022),
  'x'.repeat(1_024),
  'x'.repeat(10_240),
  'x'.repeat(10_241),
  'é'.repeat(5_121),
  '<script>',
  '%00',
  '../..',
];

/** What no JSON.stringify writes: `raw` puts it in the place of a word. */
const RAW: Readonly<Record<string, string>> = {
  'raw-huge': '1e400',
  'raw-long': '123456789012345678901234567890',
  'raw-minus': '-0',
  'raw-lone': '"\\ud83d"',
  'raw-escape': '"\\u0000\\u001f\\/"',
  'raw-array': `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
  'raw-object': `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`,
  'raw-proto': '{"__proto__":{"channel":"room","user_id":"u1","id":"u1"},"constructor":{}}',
  'raw-twice': '{"user_id":"u1","user_id":"u2","id":"u1","id":"u2","a":1,"a":2}',
};

export function raw(text: string): string {
  return text.replace(/"(raw-[a-z]+)"/, (whole, name: string) => RAW[name] ?? whole);
}

/** Any JSON value, with words that `raw` replaces. */
export function anything(chance: Chance, depth = 3): unknown {
  const kind = chance.below(depth > 0 ? 9 : 6);
  if (kind < 2) return chance.of(TEXTS);
  if (kind === 2) return chance.of(Object.keys(RAW));
  if (kind === 3) return chance.of([null, true, false]);
  if (kind === 4) return chance.of([0, -1, 1.5, 42, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21]);
  if (kind === 5) return chance.of([...CHANNELS, 'u1', 'u2']);
  const length = chance.below(chance.below(10) === 0 ? 300 : 4);
  const values = Array.from({ length }, () => anything(chance, depth - 1));
  if (kind === 6) return values;
  const names = ['channel', 'auth', 'user_id', 'id', 'toJSON', 'length', 'then', '__proto__', 'k'];
  return Object.fromEntries(values.map((value, at) => [names[at % names.length], value]));
}

const PIECES: readonly string[] = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '\\',
  '\\u',
  '\\ud800',
  'null',
  '1e999',
  '-',
  '\n',
  '\u0000',
  '\ufeff',
  'é',
  '😀',
  '"event":',
  '"data":',
  '"channel":',
  '"__proto__":',
];

/** A text with some of its characters changed, left out or repeated. */
export function damaged(text: string, chance: Chance): string {
  let result = text;
  for (let times = 1 + chance.below(4); times > 0; times -= 1) {
    const at = chance.below(result.length + 1);
    const to = Math.min(result.length, at + chance.below(8));
    const piece =
      chance.below(2) === 0 ? chance.of(PIECES) : result.slice(to, to + chance.below(20));
    result = result.slice(0, at) + piece + result.slice(chance.below(2) === 0 ? at : to);
  }
  return result;
}

/** Bytes with some of them changed. */
export function damagedBytes(bytes: Buffer, chance: Chance): Buffer {
  const result = Buffer.from(bytes);
  for (let times = 1 + chance.below(3); times > 0 && result.length > 0; times -= 1) {
    // The first carry what kind of frame it is and how long.
    const at = chance.below(chance.below(2) === 0 ? Math.min(4, result.length) : result.length);
    result[at] = chance.below(256);
  }
  return result;
}
