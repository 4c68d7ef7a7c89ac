import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  appOfKey,
  carriesClientEvents,
  channelKey,
  channelOfKey,
  channelTraits,
  limits,
  parseChannelName,
  type ChannelKind,
} from '../src/index.ts';
import { appId, channelName, charactersOutside } from './given.ts';

const USER = '#server-to-user-';

describe('Channel names', () => {
  it('[NM1] a name has 1 to 200 characters', () => {
    for (const name of ['a', 'a'.repeat(limits.channelNameChars), `private-${'a'.repeat(192)}`])
      assert.equal(parseChannelName(name), name);
    for (const name of ['', 'a'.repeat(limits.channelNameChars + 1), `private-${'a'.repeat(193)}`])
      assert.equal(parseChannelName(name), undefined, name);
  });

  it('[NM1] every character of A-Z a-z 0-9 _ - = @ , . ; may stand in a name, and no other', () => {
    const allowed = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=@,.;';
    for (const character of allowed) {
      assert.equal(parseChannelName(character), character);
      assert.equal(parseChannelName(`${character}a${character}`), `${character}a${character}`);
    }
    const others = charactersOutside(/[A-Za-z0-9_\-=@,.;]/);
    assert.equal(others.length, 0x10000 - allowed.length);
    for (const character of others) {
      assert.equal(parseChannelName(`a${character}a`), undefined, JSON.stringify(character));
      assert.equal(parseChannelName(`${character}a`), undefined, JSON.stringify(character));
      assert.equal(parseChannelName(`a${character}`), undefined, JSON.stringify(character));
    }
    assert.equal(parseChannelName('😀'), undefined);
  });

  it('[NM1] names that mean something to JavaScript are names like others', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'undefined']) {
      assert.equal(parseChannelName(name), name);
      assert.deepEqual(channelTraits(channelName(name)), { kind: 'public', cache: false });
    }
  });

  it('[NM2] # begins a name only as #server-to-user-, and the limit counts for the id behind it', () => {
    for (const id of ['1', 'a;b@c.d', 'u'.repeat(limits.channelNameChars)])
      assert.equal(parseChannelName(USER + id), USER + id);
    const wrong = [
      '#',
      '#a',
      '##server-to-user-1',
      USER,
      `${USER}u#`,
      `${USER}a b`,
      USER + 'u'.repeat(limits.channelNameChars + 1),
      '#Server-to-user-1',
      'a#b',
      'private-#server-to-user-1',
      '#private-a',
    ];
    for (const name of wrong) assert.equal(parseChannelName(name), undefined, name);
  });

  const kinds: readonly (readonly [name: string, kind: ChannelKind, cache: boolean])[] = [
    ['news', 'public', false],
    ['cache-news', 'public', true],
    ['private-a', 'private', false],
    ['private-cache-a', 'private', true],
    ['private-encrypted-a', 'private-encrypted', false],
    ['private-encrypted-cache-a', 'private-encrypted', true],
    ['presence-a', 'presence', false],
    ['presence-cache-a', 'presence', true],
    [`${USER}7`, 'user', false],
    // The prefix alone is enough.
    ['private-', 'private', false],
    ['presence-', 'presence', false],
    ['private-encrypted-', 'private-encrypted', false],
    // Anchored: a prefix elsewhere means nothing.
    ['x-private-a', 'public', false],
    ['my-presence-a', 'public', false],
    ['news-cache-', 'public', false],
    ['private-a-cache-b', 'private', false],
    ['cache-private-a', 'public', true],
    // Case-sensitive.
    ['Private-a', 'public', false],
    ['PRESENCE-a', 'public', false],
    ['private-Encrypted-a', 'private', false],
    ['private-Cache-a', 'private', false],
    ['Cache-a', 'public', false],
    // Almost.
    ['private', 'public', false],
    ['privatea', 'public', false],
    ['private_a', 'public', false],
    ['cache', 'public', false],
    ['private-encrypted', 'private', false],
    ['private-encryptedcache-a', 'private', false],
    ['private-cache', 'private', false],
    // In another order it is no prefix of ours.
    ['private-cache-encrypted-a', 'private', true],
    ['presence-encrypted-a', 'presence', false],
  ];
  for (const [name, kind, cache] of kinds)
    it(`[NM3] ${name} is ${kind}${cache ? ' with a cache' : ''}`, () =>
      assert.deepEqual(channelTraits(channelName(name)), { kind, cache }));

  it('[NM3] private, encrypted and presence channels carry client events, no others do', () => {
    const carrying: Readonly<Record<ChannelKind, boolean>> = {
      public: false,
      private: true,
      'private-encrypted': true,
      presence: true,
      user: false,
    };
    for (const [name, kind] of kinds)
      assert.equal(carriesClientEvents(channelTraits(channelName(name)).kind), carrying[kind]);
  });

  it('[NM1] a channel and its app can be told apart again in the key that joins them', () => {
    for (const app of ['1', '1001', '9'.repeat(20)]) {
      for (const name of ['a', '__proto__', '@=-_.;,', `${USER}7`, 'a'.repeat(200)]) {
        const key = channelKey(appId(app), channelName(name));
        assert.equal(appOfKey(key), app);
        assert.equal(channelOfKey(key), name);
      }
    }
  });

  it('[NM1] no two channels share a key, whichever app they are in', () => {
    const pairs = ['1', '11', '12'].flatMap((app) =>
      ['1', '2', '12', '2.'].map((name) => [app, name]),
    );
    const keys = pairs.map(([app, name]) => channelKey(appId(app ?? ''), channelName(name ?? '')));
    assert.equal(new Set(keys).size, pairs.length);
  });
});
