import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRedisUrl, isFailure, type RedisUrl } from '@fanfare/core';
import { openRedisPublisher } from '../src/index.ts';
import { optionsFor } from './bus-under-test.ts';

const plain: RedisUrl = {
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
  at: { kind: 'server', address: { host: 'cache', port: 6379 } },
};
const behind = {
  kind: 'sentinels',
  sentinels: [{ host: 'one', port: 26_379 }],
  master: 'main',
  username: undefined,
  password: undefined,
  tls: false,
} as const;

const right: readonly (readonly [text: string, url: RedisUrl])[] = [
  ['redis://cache', plain],
  ['redis://cache/', plain],
  ['rediss://cache:7000/3', { ...plain, tls: true, database: 3, at: server('cache', 7_000) }],
  ['redis://[::1]:7000', { ...plain, at: server('::1', 7_000) }],
  ['redis://:p%40ss@cache', { ...plain, password: 'p@ss' }],
  ['redis://fan:p@ss@cache', { ...plain, username: 'fan', password: 'p@ss' }],
  ['redis+sentinel://one/main', { ...plain, at: behind }],
  [
    'redis+sentinel://fan:a,b%2Fc@one,two:7001,[::2]:7002/m-1.b_c/4',
    {
      tls: false,
      username: 'fan',
      password: 'a,b/c',
      database: 4,
      at: {
        ...behind,
        master: 'm-1.b_c',
        sentinels: [
          { host: 'one', port: 26_379 },
          { host: 'two', port: 7_001 },
          { host: '::2', port: 7_002 },
        ],
      },
    },
  ],
  ['rediss+sentinel://one/main', { ...plain, tls: true, at: { ...behind, tls: true } }],
  ['rediss+sentinel://one/main?sentinelTls=no', { ...plain, tls: true, at: behind }],
  [
    'redis+sentinel://one/main?sentinelPassword=a%26b%2Bc&sentinelUser=eye',
    { ...plain, at: { ...behind, username: 'eye', password: 'a&b+c' } },
  ],
];

const wrong: readonly (readonly [text: string, sentence: RegExp])[] = [
  ['', /^expected redis:/],
  ['cache:6379', /^expected redis:/],
  ['http://cache', /^expected redis:/],
  ['redis+cluster://secret', /^expected redis:/],
  ['redis://', /^expected redis:/],
  ['redis://secret,two', /^expected redis:/],
  ['redis://cache:x', /^expected redis:/],
  ['redis://cache/secret', /^expected redis:/],
  ['redis://cache?db=secret', /^expected redis:/],
  ['redis://cache#secret', /^expected redis:/],
  ['redis://:%zz@cache', /^expected redis:/],
  ['redis+sentinel://', /^expected redis:/],
  ['redis+sentinel://,one/main', /^expected redis:/],
  ['redis+sentinel://one,/main', /^expected redis:/],
  ['redis+sentinel://one:99999/main', /^expected redis:/],
  ['redis+sentinel://one/main/secret', /^expected redis:/],
  ['redis+sentinel://one/ma in', /^expected redis:/],
  ['redis+sentinel://one', /name of the master behind the sentinels/],
  ['redis+sentinel://one/', /name of the master behind the sentinels/],
  ['redis+sentinel://one/main?password=secret', /no other parameters than sentinelUser/],
  ['redis+sentinel://one/main?sentinelUser=secret&sentinelUser=b', /each once/],
  ['redis+sentinel://one/main?sentinelTls=no', /with rediss\+sentinel alone/],
  ['rediss+sentinel://one/main?sentinelTls=secret', /sentinelTls=no/],
];

describe('The URL of Redis', () => {
  for (const [text, url] of right)
    it(`[RD1] ${text} is understood`, () => {
      assert.deepEqual(decodeRedisUrl(text), url);
    });

  for (const [text, sentence] of wrong)
    it(`[RD2] '${text}' is refused with what was expected, and is not told`, async () => {
      await assert.rejects(openRedisPublisher(optionsFor(text)), (error) => {
        assert.ok(isFailure(error, 'misconfigured'));
        assert.match(error.message, sentence);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    });
});

function server(host: string, port: number): RedisUrl['at'] {
  return { kind: 'server', address: { host, port } };
}
