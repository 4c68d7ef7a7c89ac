import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { runFanfare } from '../fanfare.ts';
import { startRedis } from '../support/redis-server.ts';

const redis = await startRedis();
after(() => redis[Symbol.asyncDispose]());

const rest = {
  APP_ID: '7',
  APP_KEY: 'a-key',
  APP_SECRET: 'a-secret',
  EDGE_PORT: '0',
  OPS_PORT: '0',
};
const at = `127.0.0.1:${redis.port}`;

const mistakes: readonly (readonly [
  what: string,
  env: Readonly<Record<string, string>>,
  said: RegExp,
])[] = [
  [
    'sentinels without the name of a master',
    { REDIS_URL: 'redis+sentinel://:top-word@one,two' },
    /^ +REDIS_URL: expected the name of the master behind the sentinels/m,
  ],
  [
    'a parameter that nobody knows',
    { REDIS_URL: 'redis+sentinel://one/main?password=top-word' },
    /^ +REDIS_URL: expected no other parameters/m,
  ],
  [
    'a Redis where sentinels should be',
    { REDIS_URL: `redis+sentinel://${at}/main` },
    /^ +REDIS_URL: What answers at the addresses of the URL are no sentinels/m,
  ],
  [
    'a wrong password of the state',
    { REDIS_URL: redis.url, REDIS_STATE_URL: `redis://fan:top-word@${at}` },
    /^ +REDIS_STATE_URL: Redis does not accept the user or password/m,
  ],
  [
    'both URLs wrong',
    { REDIS_URL: 'top-word', REDIS_STATE_URL: 'redis+cluster://top-word' },
    /^ +REDIS_URL: expected redis:.*\n +REDIS_STATE_URL: expected redis:/m,
  ],
];

describe('fanfare with Redis by URL alone', { concurrency: true }, () => {
  for (const [what, env, said] of mistakes)
    it(`[RD26] says what is wrong about ${what}, and exits with 2`, async () => {
      const done = await runFanfare(['edge'], { env: { ...rest, ...env } });
      assert.equal(done.code, 2, done.text);
      assert.match(done.stderr, said);
      assert.doesNotMatch(done.text, /top-word/);
    });

  it('[RD26] says that a state without a bus is nothing', async () => {
    const env = { ...rest, API_PORT: '0', REDIS_STATE_URL: redis.url };
    const done = await runFanfare(['start'], { env });
    assert.equal(done.code, 2, done.text);
    assert.match(done.stderr, /REDIS_STATE_URL: .*REDIS_URL, which is not set/);
  });

  it('[RD26] shows where both are, and masks what is secret', async () => {
    const env = {
      REDIS_URL: 'redis+sentinel://fan:top-word@one,two:7000/main/2?sentinelPassword=top-word',
      REDIS_STATE_URL: 'rediss://:top-word@three',
    };
    const done = await runFanfare(['config', 'edge'], { env: { ...rest, ...env } });
    assert.equal(done.code, 0, done.text);
    assert.match(
      done.stdout,
      /^REDIS_URL=redis\+sentinel:\/\/\*\*\*@one,two:7000\/main\/2\?\*\*\*$/m,
    );
    assert.match(done.stdout, /^REDIS_STATE_URL=rediss:\/\/\*\*\*@three$/m);
    assert.doesNotMatch(done.text, /top-word/);
  });
});
