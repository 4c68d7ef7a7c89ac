import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  appOfKey,
  broadcastChannel,
  carriesClientEvents,
  channelKey,
  channelNameRule,
  channelOfKey,
  channelTraits,
  clientErrors,
  decodeClientFrame,
  eventNameRule,
  isEventName,
  isUserChannel,
  parseChannelName,
  parseConnectRequest,
  type ChannelKind,
} from '../src/index.ts';
import { appId } from './given.ts';

/** Names as webman's users have them, and some that would break what is joined carelessly. */
const free = [
  '频道',
  'a b',
  ' ',
  '/',
  'a/b/',
  '//',
  'orders/{7}:x',
  '{}',
  ':',
  '%2F',
  '100%',
  '..',
  '?x=1&y#z',
  '#',
  '#general',
  '##server-to-user-1',
  '"\\',
  '\u2028',
  '\u00a0\ufeff\u202e',
  '😀',
  '\ufffd\uffff',
  '__proto__',
  'private',
];

/** C0, DEL, C1, and halves of surrogate pairs, alone or in the wrong order. */
const notFree = [
  ...Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).filter(
    (character) => character < ' ' || character > '~',
  ),
  '\ud800',
  '\udfff',
  '\ude00\ud83d',
];

/** With auth that is of a wrong type. */
function subscribe(channel: string): string {
  const data = { channel, auth: 5, channel_data: {} };
  return JSON.stringify({ event: 'pusher:subscribe', data });
}

function nameOf(input: string, dialect: 'pusher' | 'webman' = 'webman') {
  const name = parseChannelName(input, dialect);
  assert.ok(name !== undefined, JSON.stringify(input));
  return name;
}

describe('Names of the dialect webman', () => {
  it('[WM1] a channel may have any name without control characters', () => {
    for (const name of free) assert.equal(parseChannelName(name, 'webman'), name);
    for (const character of notFree)
      for (const name of [character, `a${character}`, `${character}a`, `频${character}道`])
        assert.equal(parseChannelName(name, 'webman'), undefined, JSON.stringify(name));
  });

  it('[WM1] of 1 to 200 characters, each counted once however it is encoded', () => {
    for (const character of ['a', '频', '😀']) {
      assert.equal(nameOf(character.repeat(200)), character.repeat(200));
      assert.equal(parseChannelName(character.repeat(201), 'webman'), undefined);
    }
    assert.equal(parseChannelName('', 'webman'), undefined);
    assert.equal(parseChannelName('x'.repeat(10_000_000), 'webman'), undefined);
  });

  it('[WM1] an app of the dialect pusher has none of them', () => {
    for (const name of free.filter((each) => /[^\w.]/.test(each))) {
      assert.equal(parseChannelName(name, 'pusher'), undefined, name);
      assert.equal(parseChannelName(name), undefined, name);
    }
    assert.match(channelNameRule('pusher'), /1 to 200 characters out of A-Z/);
    assert.match(channelNameRule('webman'), /1 to 200 characters, none .* control character$/);
  });

  it('[WM2] kinds follow from the same prefixes', () => {
    const kinds: readonly (readonly [name: string, kind: ChannelKind, cache?: boolean])[] = [
      ['private-/房间 1', 'private'],
      ['private-', 'private'],
      ['presence-a b', 'presence'],
      ['private-encrypted-ü', 'private-encrypted'],
      ['presence-cache-{x}', 'presence', true],
      ['#server-to-user-7', 'user'],
      ['#general', 'public'],
      [' private-a', 'public'],
      ['Private-a', 'public'],
      ['private', 'public'],
    ];
    for (const [name, kind, cache = false] of kinds) {
      assert.deepEqual(channelTraits(nameOf(name)), { kind, cache }, name);
      assert.equal(isUserChannel(name), kind === 'user');
    }
    assert.ok(carriesClientEvents(channelTraits(nameOf('private-频道')).kind));
    const user = `#server-to-user-${'u'.repeat(200)}`;
    assert.equal(parseChannelName(user, 'webman'), user);
    for (const wrong of ['#server-to-user-', `${user}u`, '#server-to-user-张 三'])
      assert.equal(parseChannelName(wrong, 'webman'), undefined);
  });

  it('[WM3] an event may have any such name; only in this dialect is a control character refused', () => {
    for (const name of [...free, '😀'.repeat(200)])
      assert.equal(isEventName(name, 'webman'), true, name);
    for (const name of ['', '😀'.repeat(201), ...notFree])
      assert.equal(isEventName(name, 'webman'), false, JSON.stringify(name));
    assert.equal(isEventName('line\nbreak', 'pusher'), true);
    assert.equal(isEventName('line\nbreak'), true);
    assert.match(eventNameRule('webman'), /control character$/);
    assert.equal(
      clientErrors.clientEventNameInvalid(eventNameRule('webman')).message,
      'Client event rejected - invalid event name: expected 1 to 200 characters, none of them a control character',
    );
  });

  it('[WM4] what is joined to an app id comes apart again, whatever the name holds', () => {
    const keys = new Set<string>();
    for (const app of ['1', '11'])
      for (const name of [...free, '1/1/a', '1', '/1']) {
        const key = channelKey(appId(app), nameOf(name));
        assert.equal(appOfKey(key), app);
        assert.equal(channelOfKey(key), name);
        keys.add(key);
      }
    assert.equal(keys.size, 2 * (free.length + 3));
    const everybody = channelKey(appId('1'), broadcastChannel);
    assert.equal(everybody, '1/');
    assert.equal(keys.has(everybody), false);
    for (const dialect of ['pusher', 'webman'] as const)
      assert.equal(parseChannelName(broadcastChannel, dialect), undefined);
  });

  it('[WM5] a public channel needs no auth and ignores whatever stands there, a private one does not', () => {
    assert.deepEqual(decodeClientFrame(subscribe('频道 1'), 'webman'), {
      ok: true,
      frame: { kind: 'subscribe', channel: '频道 1', auth: undefined, channelData: undefined },
    });
    for (const [channel, dialect] of [
      ['private-频道 1', 'webman'],
      ['频道 1', 'pusher'],
    ] as const)
      assert.deepEqual(decodeClientFrame(subscribe(channel), dialect), {
        ok: false,
        error: clientErrors.invalidParameter('data.auth', 'a string'),
      });
  });
});

describe('Paths of webman’s clients', () => {
  for (const [path, key] of [
    ['/ws/app/k', 'k'],
    ['/a/b/c/app/k/', 'k'],
    ['//app/k', 'k'],
    ['/ws//app/k', 'k'],
    ['/app/a/app/b', 'b'],
    ['/app/app/app', 'app'],
    ['/%ZZ/频/app/k', 'k'],
  ] as const)
    it(`[WM6] without a prefix of ours, ${path} asks for the key ${key}`, () =>
      assert.deepEqual(parseConnectRequest(path, '7', ''), { ok: true, key }));

  for (const path of ['/xapp/k', 'x/app/k', '/x/app/', '/x/app', '/x/app/k/y', '/app/k/app'])
    it(`[WM6] ${path} asks for none`, () =>
      assert.equal(parseConnectRequest(path, '7', '').ok, false));

  it('[WM6] a path of any length is read in no time', () => {
    const long = `${'/app'.repeat(50_000)}/`;
    const startMs = performance.now();
    assert.equal(parseConnectRequest(`${long}x/y`, '7', '').ok, false);
    assert.ok(performance.now() - startMs < 1_000);
  });
});
