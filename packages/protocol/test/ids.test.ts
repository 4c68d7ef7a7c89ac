import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits, makeSocketId, parseAppId, parseAppKey, parseSocketId } from '../src/index.ts';
import { charactersOutside } from './given.ts';

describe('Ids', () => {
  it('[NM5] a made socket id is two integers of at most ten digits, from the least draw to the greatest', () => {
    const greatest = 1 - Number.EPSILON / 2;
    assert.equal(
      makeSocketId(() => 0),
      '0.0',
    );
    assert.equal(
      makeSocketId(() => greatest),
      '9999999999.9999999999',
    );
    assert.equal(
      makeSocketId(() => 0.5),
      '5000000000.5000000000',
    );
  });

  it('[NM5] each half of a socket id is a draw of its own, so that knowing one tells nothing of the other', () => {
    const draws = [0.1234567891, 0.9876543219];
    assert.equal(
      makeSocketId(() => draws.shift() ?? 0),
      '1234567891.9876543219',
    );
    assert.equal(draws.length, 0);
  });

  it('[NM5] a source of chance that is none is our mistake and throws', () => {
    for (const draw of [Number.NaN, -0.5, Infinity, 1e30])
      assert.throws(() => makeSocketId(() => draw), /socket id that is none/, String(draw));
  });

  it('[NM5] a socket id as the SDKs sign it is one; anything else is not', () => {
    const ids = ['1234.1234', '200557.5043858', '131160.155806628', '0.0', '00.01'];
    for (const id of ids) assert.equal(parseSocketId(id), id);
    const wrong = [
      '',
      '.',
      '1',
      '1.',
      '.1',
      '1.2.3',
      '1,2',
      '-1.2',
      '1.-2',
      '1.2\n',
      '\n1.2',
      ' 1.2',
      '1e3.4',
      '0x1.2',
      '١.٢',
      '__proto__',
      '1.2:private-a',
    ];
    for (const id of wrong) assert.equal(parseSocketId(id), undefined, JSON.stringify(id));
  });

  it('[NM5] a socket id is bounded in length', () => {
    const longest = `${'1'.repeat(20)}.${'2'.repeat(limits.socketIdChars - 21)}`;
    assert.equal(parseSocketId(longest), longest);
    assert.equal(parseSocketId(`${longest}2`), undefined);
  });

  it('[NM6] an app id is digits, 1 to 20 of them', () => {
    for (const id of ['0', '1', '1001', '007', '9'.repeat(20)]) assert.equal(parseAppId(id), id);
    for (const id of ['', '9'.repeat(21), '1a', 'app', '-1', '1.0', ' 1', '1\n', '１', '1/2'])
      assert.equal(parseAppId(id), undefined, JSON.stringify(id));
    for (const character of charactersOutside(/[0-9]/))
      assert.equal(parseAppId(`1${character}1`), undefined, JSON.stringify(character));
  });

  it('[NM6] an app key is 1 to 64 letters, digits, - or _', () => {
    const keys = ['278d425bdf160c739803', 'a', 'A-b_9', '-', '_', '__proto__', 'k'.repeat(64)];
    for (const key of keys) assert.equal(parseAppKey(key), key);
    for (const key of ['', 'k'.repeat(65), 'a b', 'a:b', 'a\n', 'é'])
      assert.equal(parseAppKey(key), undefined, JSON.stringify(key));
    for (const character of charactersOutside(/[A-Za-z0-9_-]/))
      assert.equal(parseAppKey(`a${character}b`), undefined, JSON.stringify(character));
  });
});
