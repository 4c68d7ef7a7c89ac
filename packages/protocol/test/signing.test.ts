import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  channelStringToSign,
  parseAuth,
  requestStringToSign,
  userStringToSign,
  type QueryParam,
} from '../src/index.ts';
import { channelName, socketId } from './given.ts';

/** The key pair of the vectors that Pusher publishes. */
const KEY = '278d425bdf160c739803';
const SECRET = '7ad3773142a6692b25b8';
const digest = (text: string): string => createHmac('sha256', SECRET).update(text).digest('hex');

const socket = socketId('1234.1234');
const signedAt: readonly QueryParam[] = [
  ['auth_key', KEY],
  ['auth_timestamp', '1353088179'],
  ['auth_version', '1.0'],
];

describe('Strings to sign', () => {
  const vectors: readonly (readonly [what: string, text: string, hex: string])[] = [
    [
      'a private channel',
      channelStringToSign(socket, channelName('private-foobar'), undefined),
      '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4',
    ],
    [
      'a presence channel',
      channelStringToSign(
        socket,
        channelName('presence-foobar'),
        '{"user_id":10,"user_info":{"name":"Mr. Channels"}}',
      ),
      '31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80',
    ],
    [
      'another member of a presence channel',
      channelStringToSign(
        socket,
        channelName('presence-foobar'),
        '{"user_id":10,"user_info":{"name":"Mr. Pusher"}}',
      ),
      'afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c',
    ],
    [
      'a user',
      userStringToSign(socket, '{"id":"12345"}'),
      '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba',
    ],
    [
      'a trigger',
      requestStringToSign('POST', '/apps/3/events', [
        ...signedAt,
        ['body_md5', 'ec365a775a4cd0599faeb73354201b6f'],
      ]),
      'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c',
    ],
    [
      'a query of channels',
      requestStringToSign('GET', '/apps/3/channels', [
        ['filter_by_prefix', 'presence-'],
        ['info', 'user_count'],
        ...signedAt,
      ]),
      '16819168891cb5dfd72b5c7a5d3d602605b26c6ba1930033b5e2eeeb65010291',
    ],
  ];
  for (const [what, text, hex] of vectors)
    it(`[SG2] the string of ${what} gives the published digest`, () =>
      assert.equal(digest(text), hex));

  it('[SB7] channel_data belongs to the signed string of any channel, exactly as received', () => {
    const odd = '{ "user_id" : "1" ,\t"user_info":{"n":"\\u00fc"} }';
    assert.equal(
      channelStringToSign(socket, channelName('private-a'), odd),
      `1234.1234:private-a:${odd}`,
    );
    assert.equal(
      channelStringToSign(socket, channelName('private-a'), undefined),
      '1234.1234:private-a',
    );
  });

  it('[SG3] names are lower-cased and sorted, values stand as they are', () => {
    const text = requestStringToSign('get', '/apps/3/channels', [
      ['Info', 'user_count,subscription_count'],
      ['AUTH_Version', '1.0'],
      ['filter_by_prefix', 'presence-%2C ä&='],
      ['empty', ''],
      ['auth_key', 'K'],
    ]);
    assert.equal(
      text,
      'GET\n/apps/3/channels\nauth_key=K&auth_version=1.0&empty=&filter_by_prefix=presence-%2C ä&=&info=user_count,subscription_count',
    );
  });

  it('[SG3] the signature itself stays out and every other parameter in, body_md5 of a GET too', () => {
    const text = requestStringToSign('GET', '/apps/3/channels', [
      ['auth_signature', 'dead'],
      ...signedAt,
      ['body_md5', 'd41d8cd98f00b204e9800998ecf8427e'],
      ['__proto__', '1'],
      ['auth_signature_', 'in'],
    ]);
    assert.equal(
      text,
      `GET\n/apps/3/channels\n__proto__=1&auth_key=${KEY}&auth_signature_=in&auth_timestamp=1353088179&auth_version=1.0&body_md5=d41d8cd98f00b204e9800998ecf8427e`,
    );
  });

  it('[SG3] the values of an array keep their order, those of other names around them', () => {
    const values = ['b', 'a', 'c', 'a', '9', '10'];
    const array = values.map((value): QueryParam => ['info[]', value]);
    const text = requestStringToSign('GET', '/p', [['z', '1'], ...array, ['a', '1']]);
    assert.equal(text, `GET\n/p\na=1&${values.map((value) => `info[]=${value}`).join('&')}&z=1`);
  });

  it('[SG3] a request without parameters has an empty last line', () => {
    assert.equal(requestStringToSign('POST', '/p', []), 'POST\n/p\n');
  });

  it('[SG3] the parameters that are handed in stay as they are', () => {
    const params: readonly QueryParam[] = Object.freeze<QueryParam[]>([
      ['B', '2'],
      ['a', '1'],
    ]);
    requestStringToSign('GET', '/p', params);
    assert.deepEqual(params, [
      ['B', '2'],
      ['a', '1'],
    ]);
  });

  const auths: readonly (readonly [auth: string, key: string, signature: string])[] = [
    ['key:abc', 'key', 'abc'],
    ['key:abc:def', 'key', 'abc:def'],
    ['key:', 'key', ''],
    [':abc', '', 'abc'],
    [':', '', ''],
    ['key::user::abc', 'key', ':user::abc'],
  ];
  for (const [auth, key, signature] of auths)
    it(`[SG1] auth ${auth} is split at its first colon`, () =>
      assert.deepEqual(parseAuth(auth), { key, signature }));

  it('[SG1] auth without a colon is none', () => {
    for (const auth of ['', 'key', 'key；abc']) assert.equal(parseAuth(auth), undefined);
  });
});
