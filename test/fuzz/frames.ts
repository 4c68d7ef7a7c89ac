import { sign } from '@fanfare/core';
import type { Chance } from '../support/seeded.ts';
import { attacked, type FuzzApp } from './apps.ts';
import type { Judge } from './judge.ts';
import { anything, channelName, damaged, fresh, raw, TEXTS, userIds } from './words.ts';

/** Whoever speaks on one socket. */
export interface Speaker {
  readonly app: FuzzApp;
  /** The socket's. */
  readonly id: string;
  readonly chance: Chance;
  readonly judge: Judge;
}

/** The text of one frame: as SDKs send it, or with anything at all in some place, or damaged. */
export function frameText(speaker: Speaker): string {
  const { chance } = speaker;
  const fields = chance.of(KINDS)(speaker);
  if (chance.below(6) === 0) replaceSome(fields, chance);
  const text = raw(JSON.stringify(fields));
  if (chance.below(8) === 0) return damaged(text, chance);
  if (chance.below(12) === 0)
    return chance.of([`\ufeff${text}`, ` ${text}\n`, `${text}${text}`, `[${text}]`]);
  return chance.below(200) === 0 ? padded(text, 65_536 + chance.of([-1, 0, 1])) : text;
}

type Fields = Record<string, unknown>;

const KINDS: readonly ((speaker: Speaker) => Fields)[] = [
  subscribe,
  subscribe,
  subscribe,
  join,
  join,
  signin,
  signin,
  clientEvent,
  clientEvent,
  unsubscribe,
  unsubscribe,
  other,
];

function subscribe(speaker: Speaker): Fields {
  const { chance } = speaker;
  const channel = channelName(chance);
  const data: Fields = { channel };
  const auth = authOf(speaker, `${speaker.id}:${channel}`);
  if (chance.below(4) > 0) data['auth'] = auth;
  return { event: 'pusher:subscribe', data: encodedTwice(data, chance) };
}

/** A presence channel, with a member or as whoever is signed in. */
function join(speaker: Speaker): Fields {
  const { chance } = speaker;
  const channel = chance.of(['presence-room', 'presence-other', 'presence-cache-room']);
  const data: Fields = { channel };
  if (chance.below(4) === 0) data['auth'] = authOf(speaker, `${speaker.id}:${channel}`);
  else {
    const channelData = memberText(speaker);
    data['channel_data'] = channelData;
    data['auth'] = authOf(speaker, `${speaker.id}:${channel}:${channelData}`);
  }
  return { event: 'pusher:subscribe', data: encodedTwice(data, chance) };
}

function memberText({ app, chance }: Speaker): string {
  if (chance.below(8) === 0) return raw(JSON.stringify(anything(chance)));
  const user = chance.of<unknown>([
    ...userIds(app),
    ...userIds(app),
    7,
    2 ** 53 - 1,
    2 ** 53,
    0,
    -1,
    1.5,
    '',
    null,
    ['u1'],
    'raw-huge',
    '__proto__',
    'constructor',
    'a\u0000b',
    'a\nb',
    'a|b',
    'a:b',
    '\ud800',
    '😀',
    'x'.repeat(128),
    'x'.repeat(129),
  ]);
  return raw(JSON.stringify({ user_id: user, ...infoOf(app, chance) }));
}

function infoOf({ marker }: FuzzApp, chance: Chance): object {
  // `{"a":"…"}` has eight characters around its text.
  const around = 1_024 - 8 + chance.of([-1, 0, 1]);
  const info = chance.of<unknown>([
    undefined,
    null,
    {},
    { name: marker },
    { name: marker },
    { a: 'x'.repeat(around) },
    { a: 'é'.repeat(508) },
    [],
    'text',
    7,
    { a: 'raw-object' },
    { a: 'raw-lone' },
    'raw-proto',
    { toJSON: 1 },
    { a: '\ud800' },
  ]);
  return info === undefined ? {} : { user_info: info };
}

function signin(speaker: Speaker): Fields {
  const { app, chance } = speaker;
  const userData =
    chance.below(10) === 0
      ? raw(JSON.stringify(anything(chance)))
      : raw(
          JSON.stringify({
            id: userId(app, chance),
            ...infoOf(app, chance),
            ...watchlistOf(app, chance),
          }),
        );
  const auth = authOf(speaker, `${speaker.id}::user::${userData}`);
  return { event: 'pusher:signin', data: encodedTwice({ auth, user_data: userData }, chance) };
}

/** Has an answer as long as itself. */
export function largeSignin({ app, id, judge }: Speaker): string {
  const userData = JSON.stringify({ id: 'u1', user_info: {}, more: 'x'.repeat(4_000) });
  const right = sign(app.secret, `${id}::user::${userData}`);
  judge.said(right);
  const data = { auth: `${app.key}:${right}`, user_data: userData };
  return JSON.stringify({ event: 'pusher:signin', data });
}

function userId(app: FuzzApp, chance: Chance): unknown {
  if (chance.below(5) > 0) return chance.of([...userIds(app), `${app.marker}-${fresh(chance)}`]);
  return chance.of<unknown>([
    7,
    '',
    null,
    ['u1'],
    'a/b',
    'a b',
    '__proto__',
    'u'.repeat(200),
    'u'.repeat(201),
    '\ud800',
  ]);
}

function watchlistOf(app: FuzzApp, chance: Chance): object {
  const ids = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, at) =>
      at < 3 ? chance.of(userIds(app)) : `${app.marker}-w${at}`,
    );
  const list = chance.of<unknown>([
    undefined,
    undefined,
    userIds(app),
    userIds(app),
    ids(3),
    [],
    null,
    ids(99),
    ids(100),
    ids(101),
    ids(1_000),
    Array.from({ length: 500 }, () => 'u1'),
    'u1',
    { 0: 'u1', length: 1 },
    ['u1', 7],
    ['u1', ''],
    ['#x'],
    [['u1']],
    ['u'.repeat(201)],
    ['u'.repeat(200)],
    'raw-array',
    ['__proto__', 'constructor', 'toString'],
  ]);
  return list === undefined ? {} : { watchlist: list };
}

function clientEvent({ app, chance }: Speaker): Fields {
  const name = chance.of([
    'client-a',
    'client-a',
    'client-a',
    'client-',
    `client-${'x'.repeat(193)}`,
    `client-${'x'.repeat(194)}`,
    `client-${'😀'.repeat(96)}`,
    'client-\u0000',
    'client-\ud800',
    'client-pusher:x',
    'Client-a',
  ]);
  const data = chance.of<unknown>([
    app.marker,
    { of: app.marker },
    [app.marker],
    'x'.repeat(10_240),
    'x'.repeat(10_241),
    'é'.repeat(5_120),
    'é'.repeat(5_121),
    '',
    null,
    0,
    '\ud800',
    { a: '\ud83d' },
    'raw-array',
    'raw-object',
    'raw-huge',
    chance.of(TEXTS),
  ]);
  return { event: name, channel: channelName(chance), data };
}

function unsubscribe({ chance }: Speaker): Fields {
  return {
    event: 'pusher:unsubscribe',
    data: encodedTwice({ channel: channelName(chance) }, chance),
  };
}

function other({ app, chance }: Speaker): Fields {
  const event = chance.of<unknown>([
    'pusher:ping',
    'pusher:pong',
    'pusher:ping',
    'pusher:error',
    'pusher:x',
    'pusher:signin_success',
    'pusher',
    'pusher:connection_established',
    'pusher_internal:member_added',
    'pusher_internal:subscription_succeeded',
    'pusher_internal:watchlist_events',
    'pusher:cache_miss',
    'App\\Events\\X',
    '__proto__',
    '',
    chance.of(TEXTS),
    anything(chance),
  ]);
  const data = chance.of<unknown>([{}, undefined, '{}', '', null, app.marker, anything(chance)]);
  return {
    event,
    ...(data !== undefined && { data }),
    ...(chance.below(3) === 0 && { channel: channelName(chance) }),
  };
}

/** Some SDKs encode `data` twice. */
function encodedTwice(data: Fields, chance: Chance): unknown {
  return chance.below(6) === 0 ? JSON.stringify(data) : data;
}

/** What a backend would sign, mostly; else something that must not get in. */
function authOf({ app, id, chance, judge }: Speaker, text: string): unknown {
  const right = sign(app.secret, text);
  if (chance.below(10) < 7) {
    judge.said(right);
    return `${app.key}:${right}`;
  }
  judge.withheld(right);
  const stranger = attacked.find(({ key }) => key !== app.key) ?? app;
  const elsewhere = sign(app.secret, text.replace(id, '1.1'));
  return chance.of<unknown>([
    undefined,
    null,
    '',
    42,
    [],
    {},
    app.key,
    `${app.key}:`,
    `:${elsewhere}`,
    `${app.key}:${elsewhere}`,
    // The attacker is a customer, too, of the other app.
    `${stranger.key}:${sign(stranger.secret, text)}`,
    `${app.key}:${sign(stranger.secret, text)}`,
    `${app.key}:${right.slice(0, 63)}`,
    `${app.key}:${right.toUpperCase()}.`,
    `${app.key}:${'0'.repeat(64)}`,
    `${app.key}:${'f'.repeat(10_000)}`,
    `${app.key}:\u0000${elsewhere}`,
    `${app.key}\n:${elsewhere}`,
    `__proto__:${elsewhere}`,
  ]);
}

function replaceSome(fields: Fields, chance: Chance): void {
  const data = fields['data'];
  const inner = typeof data === 'object' && data !== null && chance.below(3) > 0;
  const target = inner ? (data as Fields) : fields;
  const names = [...Object.keys(target), 'event', 'data', 'channel', 'more'];
  for (let times = 1 + chance.below(2); times > 0; times -= 1) {
    const name = chance.of(names);
    if (chance.below(4) === 0) delete target[name];
    else target[name] = anything(chance);
  }
}

/** The same frame in so many bytes, unless it has more already. */
function padded(text: string, bytes: number): string {
  return text + ' '.repeat(Math.max(0, bytes - Buffer.byteLength(text)));
}
