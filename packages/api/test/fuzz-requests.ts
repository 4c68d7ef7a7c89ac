import { signed } from './harness.ts';

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The bytes of one request that a caller might send: properly signed with odd contents, or
 * changed after it was signed, or nothing of the kind. Its length is always right, so that the
 * answer to it is the answer to all of it.
 */
export function fuzzRequest(random: Random): Buffer {
  if (chance(random, 0.25)) return fuzzQuery(random);
  if (chance(random, 0.1)) return fuzzTermination(random);
  const batch = chance(random, 0.3);
  const path = batch ? '/apps/3/batch_events' : '/apps/3/events';
  let body: Buffer = Buffer.from(
    chance(random, 0.5) ? goodBody(random, batch) : oddBody(random, batch),
  );
  const method = chance(random, 0.85) ? 'POST' : pick(random, METHODS);
  const params = chance(random, 0.3) ? { [pick(random, NAMES)]: pick(random, TEXTS) } : {};
  let target = signed({ method, path, body, params });
  if (chance(random, 0.3)) target = changeTarget(random, target);
  if (chance(random, 0.1)) target = pick(random, TARGETS);
  if (chance(random, 0.15)) body = changeBytes(random, body);
  const headers = [
    'Host: x',
    ...(chance(random, 0.2) ? [pick(random, HEADERS)] : []),
    ...(chance(random, 0.1) ? [pick(random, HEADERS)] : []),
    `Content-Length: ${body.length}`,
  ];
  const head = [`${method} ${target} HTTP/1.1`, ...headers, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

/** A channel query, most of them properly signed, with an odd name, prefix or info. */
function fuzzQuery(random: Random): Buffer {
  const name = encodeURIComponent(pick(random, CHANNELS));
  const sent = chance(random, 0.8) ? name : pick(random, ['%', '%ff', '%2F', '..', 'a/b', '', ';']);
  const path = pick(random, [
    '/apps/3/channels',
    `/apps/3/channels/${sent}`,
    `/apps/3/channels/${sent}/users`,
  ]);
  const params = {
    ...(chance(random, 0.5) && { filter_by_prefix: pick(random, [...TEXTS, ...CHANNELS]) }),
    ...(chance(random, 0.5) && { info: pick(random, [...TEXTS, ...INFOS]) }),
    ...(chance(random, 0.2) && { [pick(random, NAMES)]: pick(random, TEXTS) }),
  };
  // What is signed is decoded, and what cannot be decoded is signed as it is.
  const signedPath = sent === name ? decodeURIComponent(path) : path;
  let target = signed({ method: 'GET', path: signedPath, sentPath: path, params });
  if (chance(random, 0.2)) target = changeTarget(random, target);
  const method = chance(random, 0.95) ? 'GET' : pick(random, METHODS);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, 'latin1');
}

/** The end of a user's connections, for users of all sorts, with the app in the path or without. */
function fuzzTermination(random: Random): Buffer {
  const user = encodeURIComponent(
    pick(random, [...CHANNELS, ...TEXTS, 'u1', 'u2', 'u'.repeat(200)]),
  );
  const sent = chance(random, 0.8) ? user : pick(random, ['%', '%ff', '%2F', '..', 'a/b', '', ';']);
  const prefix = pick(random, ['/apps/3', '', '/apps/4', '/apps', '/apps/1024']);
  const path = `${prefix}/users/${sent}/terminate_connections`;
  const signedPath = sent === user ? decodeURIComponent(path) : path;
  const body = pick(random, ['', '{}', '{', 'x'.repeat(5000)]);
  const method = chance(random, 0.95) ? 'POST' : pick(random, METHODS);
  let target = signed({ method, path: signedPath, sentPath: path, body });
  if (chance(random, 0.2)) target = changeTarget(random, target);
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body, 'latin1');
}

const CHANNELS = [
  'lobby',
  'presence-a',
  'private-b',
  'cache-c',
  '#server-to-user-1',
  '#x',
  '__proto__',
  'constructor',
  'presence-',
  '频道',
  ' ',
  'a/b',
  'x'.repeat(201),
] as const;
const INFOS = [
  'user_count',
  'subscription_count',
  'user_count,subscription_count',
  'cache',
  ',',
  'toString',
] as const;
const METHODS = [
  'GET',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'post',
  'TRACE',
  'PURGE',
  'X',
] as const;
const NAMES = [
  'auth_key',
  'auth_key[]',
  'AUTH_KEY',
  'auth_timestamp',
  'auth_version',
  'body_md5',
  'name',
  'data',
  'channels[]',
  'channels[0]',
  'channel',
  'socket_id',
  'info',
  '__proto__',
  'constructor',
  '',
  '[]',
  'x[a]',
] as const;
const TEXTS = [
  '',
  'x',
  '%',
  '%zz',
  '+',
  '&=',
  '\u0000\u001b',
  '频道',
  '1'.repeat(400),
  '-1',
  '1e309',
  'NaN',
  '1.2',
  'presence-a',
  '#server-to-user-1',
  'user_count',
  'x'.repeat(3000),
] as const;
const TARGETS = [
  '/',
  '*',
  '//',
  '/apps/3/events?',
  '/apps/3/events?&&&=&==',
  '/apps/3/events?auth_key[]=x',
  '/apps/3/channels?auth_key=%',
  '/apps/%33/events',
  '/apps/3/../3/events',
  '/apps/3/events#x',
  '/apps/3/channels/%ff/users?auth_key=x',
  'http://x/apps/3/events',
  'http://[/',
  `/apps/3/channels?${'a&'.repeat(5000)}`,
] as const;
const HEADERS = [
  'Idempotency-Key: order-7',
  'Idempotency-Key: ',
  'Idempotency-Key: a b',
  `Idempotency-Key: ${'k'.repeat(256)}`,
  'Idempotency-Key: \u00e4',
  'Content-Type: image/png',
  'Content-Type: application/json; charset=utf-16',
  'Host: evil',
  'Expect: 100-continue',
  'Expect: tea',
  'Upgrade: websocket',
  'Content-Encoding: gzip',
  `X: ${'y'.repeat(10_000)}`,
  'Forwarded: for=evil',
  'Cookie: \u00ff\u0080',
] as const;

function goodBody(random: Random, batch: boolean): string {
  const event = (): Readonly<Record<string, unknown>> => ({
    name: pick(random, ['e', 'App\\Events\\X', '频道']),
    data: pick(random, ['', '{}', 'x'.repeat(10_240), '\ud800']),
    channel: pick(random, ['c', 'private-x', 'presence-y', 'private-encrypted-z']),
    socket_id: pick(random, [null, undefined, '1.2']),
  });
  return JSON.stringify(
    batch ? { batch: Array.from({ length: 1 + Math.floor(random() * 10) }, event) } : event(),
  );
}

/** A body that starts as a good one, with some of its members replaced by anything at all. */
function oddBody(random: Random, batch: boolean): string {
  if (chance(random, 0.1)) return pick(random, ['', '{', '[]', 'null', '"x"', '1', 'x=1', '{}']);
  const event: Record<string, unknown> = { name: 'e', data: 'd', channel: 'c' };
  const times = 1 + Math.floor(random() * 3);
  for (let time = 0; time < times; time += 1) event[pick(random, MEMBERS)] = anything(random, 3);
  const text = JSON.stringify(
    batch ? { batch: chance(random, 0.8) ? [event, event] : anything(random, 3) } : event,
  );
  // What JSON.stringify never writes, and a caller can.
  return text.replace('"odd"', () => pick(random, RAW_JSON));
}

const MEMBERS = [
  'name',
  'data',
  'channel',
  'channels',
  'socket_id',
  'info',
  'batch',
  'toJSON',
  'constructor',
] as const;
const RAW_JSON = [
  '1e400',
  '123456789012345678901234567890',
  '-0',
  '"\\ud800"',
  '"\\u0000"',
  `${'['.repeat(4000)}${']'.repeat(4000)}`,
  `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`,
  '{"__proto__":{"name":"x"}}',
  '{"a":1,"a":2}',
] as const;

function anything(random: Random, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 0 ? 8 : 6));
  if (kind < 2) return pick(random, TEXTS);
  if (kind === 2) return 'odd';
  if (kind === 3) return pick(random, [null, true, false]);
  if (kind === 4) return pick(random, [0, -1, 1.5, 2 ** 53, 1e21]);
  if (kind === 5) return 'x'.repeat(Math.floor(random() * 12_000));
  const length = Math.floor(random() * (chance(random, 0.05) ? 120 : 4));
  const values = Array.from({ length }, () => anything(random, depth - 1));
  return kind === 6 ? values : Object.fromEntries(values.map((value, at) => [`k${at}`, value]));
}

function changeTarget(random: Random, target: string): string {
  const [path = '', query = ''] = target.split('?');
  const params = query.split('&');
  const at = Math.floor(random() * params.length);
  const param = params[at] ?? '';
  const changed = pick(random, [
    [],
    [param, param],
    [param, param.toUpperCase()],
    [param.replace('=', '[]=')],
    [param.replace(/=.*/, '=')],
    [param.replace(/=.*/, `=${encodeURIComponent(pick(random, TEXTS))}`)],
    [param.replace('=', '')],
    [`${param}%`],
    [param.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)],
  ]);
  return `${path}?${[...params.slice(0, at), ...changed, ...params.slice(at + 1)].join('&')}`;
}

function changeBytes(random: Random, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  for (let time = 0; time < 3 && changed.length > 0; time += 1)
    changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256);
  return changed;
}

function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values.at(Math.floor(random() * values.length)) as T;
}
