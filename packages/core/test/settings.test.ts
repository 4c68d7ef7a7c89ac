import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import {
  commonSettings,
  readSettings,
  secret,
  secretUrl,
  SettingsError,
  showSettings,
  wholeNumber,
  type SettingsShape,
} from '../src/index.ts';
import { problemsOf } from './given.ts';

const shape = {
  PORT: wholeNumber(0, 65_535).default(3131),
  LEVEL: z.enum(['low', 'high']).default('low'),
  HOOK: z.url().optional(),
  NAME: z.string(),
  SHORT: z.string().min(2).max(3).optional(),
  SECRET: secret(z.string().min(8, 'expected at least 8 characters')).optional(),
  BACKEND: secretUrl(z.url()).optional(),
} as const;

describe('Settings', () => {
  it('[SE1] right settings are read, what is left out has its default, what is not ours is ignored', () => {
    const environment = { NAME: 'n', PORT: '80', SECRET: 'long enough', PATH: '/bin', HOME: 'x' };
    assert.deepEqual(readSettings(shape, environment), {
      PORT: 80,
      LEVEL: 'low',
      NAME: 'n',
      SECRET: 'long enough',
    });
  });

  it('[SE1] an empty variable is one that was left out', async () => {
    assert.deepEqual(readSettings(shape, { NAME: 'n', PORT: '', HOOK: '', LEVEL: '' }), {
      PORT: 3131,
      LEVEL: 'low',
      NAME: 'n',
    });
    assert.deepEqual(await problemsOf(() => readSettings(shape, { NAME: '' })), [
      'NAME: expected text in quotes, it is not set',
    ]);
  });

  it('[SE1] all mistakes are told, each with its name, what was expected and what was found', async () => {
    const wrong = { PORT: '8o80', LEVEL: 'loud', HOOK: 'example.com', SHORT: 'x' };
    assert.deepEqual(await problemsOf(() => readSettings(shape, wrong)), [
      'PORT: expected a whole number from 0 to 65535, got "8o80"',
      'LEVEL: expected low or high, got "loud"',
      'HOOK: expected a URL, got "example.com"',
      'NAME: expected text in quotes, it is not set',
      'SHORT: expected at least 2 characters, got "x"',
    ]);
  });

  it('[SE1] the error counts its problems', () => {
    assert.equal(new SettingsError(['A: x']).message, '1 wrong setting');
    assert.equal(new SettingsError(['A: x', 'B: y']).message, '2 wrong settings');
  });

  it('[SE1] a value is shown on one line and not at any length', async () => {
    const problems = await problemsOf(() =>
      readSettings(shape, { NAME: 'n', LEVEL: 'a\nb\u0007' }),
    );
    assert.deepEqual(problems, ['LEVEL: expected low or high, got "a\\nb\\u0007"']);
    const long = await problemsOf(() =>
      readSettings(shape, { NAME: 'n', LEVEL: 'x'.repeat(9_999) }),
    );
    assert.deepEqual(long, [`LEVEL: expected low or high, got "${'x'.repeat(200)}…"`]);
  });

  it('[SE1] a whole number is written in digits and within its bounds, both included', () => {
    const number = wholeNumber(5, 100);
    for (const text of ['5', '005', '50', '100']) assert.equal(number.parse(text), Number(text));
    const wrong = ['4', '101', '', ' 5', '5 ', '5\n', '-5', '+5', '5.0', '5e1', '0x10', '٥', 'NaN'];
    for (const text of [...wrong, '9'.repeat(400)])
      assert.deepEqual(
        number.safeParse(text).error?.issues.map(({ message }) => message),
        ['expected a whole number from 5 to 100'],
        text,
      );
  });

  it('[SE1] the settings of every role read well when they are all wrong', async () => {
    const wrong = {
      REDIS_URL: 'http://redis',
      APP_ID: 'my-app',
      APP_KEY: 'my key',
      OPS_PORT: '65536',
      DRAIN_SECONDS: '1h',
      LOG_LEVEL: 'verbose',
    };
    assert.deepEqual(await problemsOf(() => readSettings(commonSettings, wrong)), [
      'REDIS_URL: expected redis://host:port or redis+sentinel://host:port,host:port/master, rediss for TLS, with user:password@ before the hosts and /database at the end where they are needed, got a value that is not shown',
      'APP_ID: expected text of 1 to 20 digits, as Pusher SDKs require, got "my-app"',
      'APP_KEY: expected text of 1 to 64 letters, digits, - or _, got "my key"',
      'OPS_PORT: expected a whole number from 0 to 65535, got "65536"',
      'DRAIN_SECONDS: expected a whole number from 0 to 3600, got "1h"',
      'LOG_LEVEL: expected fatal, error, warn, info, debug, trace or silent, got "verbose"',
    ]);
  });

  it('[SE1] the settings of every role have defaults that are right', () => {
    assert.deepEqual(readSettings(commonSettings, {}), {
      OPS_HOST: '0.0.0.0',
      DRAIN_SECONDS: 30,
      LOG_LEVEL: 'info',
    });
  });
});

describe('Secrets', () => {
  /** Every way in which a schema may go on after it was marked. */
  const marked: SettingsShape = {
    PLAIN: secret(z.string().min(99)),
    OPTIONAL: secret(z.string().min(99)).optional(),
    DEFAULTED: secret(z.string().min(99)).default('topsecret'),
    DESCRIBED: secret(z.string().min(99)).describe('Its secret.'),
    CHECKED: secret(z.string()).min(99),
    TRANSFORMED: secret(z.string().min(99)).transform((text) => text.trim()),
    REFINED: secret(z.string()).refine((text) => text.length > 99),
    WRAPPED: secret(z.string().min(99)).nullable().optional().describe('Its secret.'),
    OUTSIDE: secret(z.string().min(99).optional().describe('Its secret.')),
    URL: secretUrl(z.url({ protocol: /^rediss?$/ })).optional(),
  };
  const all = Object.fromEntries(Object.keys(marked).map((name) => [name, 'topsecret']));

  it('[SE2] a message about a wrong secret does not show it, however its schema goes on', async () => {
    const problems = await problemsOf(() => readSettings(marked, all));
    assert.equal(problems.length, Object.keys(marked).length);
    for (const problem of problems) {
      assert.ok(!problem.includes('topsecret'), problem);
      assert.match(problem, /, got a value that is not shown$/);
    }
  });

  it('[SE2] the settings in effect are shown without secrets, however their schemas go on', () => {
    assert.deepEqual(
      showSettings(marked, all),
      Object.keys(marked).map((name) => `${name}=***`),
    );
  });

  it('[SE2] what is no secret is shown, in the order of the shape, and what is not set as empty', () => {
    const values = { SECRET: 'x://y', NAME: 'n', PORT: 80, BACKEND: 'redis://h' };
    assert.deepEqual(showSettings(shape, values), [
      'PORT=80',
      'LEVEL=',
      'HOOK=',
      'NAME=n',
      'SHORT=',
      'SECRET=***',
      'BACKEND=redis://h',
    ]);
  });

  const urls: readonly (readonly [url: string, seen: string])[] = [
    ['redis://cache', 'redis://cache'],
    ['redis://cache:6379/0', 'redis://cache:6379/0'],
    ['redis://:topsecret@cache:6379/0', 'redis://***@cache:6379/0'],
    ['rediss://user:topsecret@cache', 'rediss://***@cache'],
    ['redis://topsecret@cache', 'redis://***@cache'],
    ['redis://:top@secret@cache', 'redis://***@cache'],
    ['redis://:top%2Fsecret@cache/1', 'redis://***@cache/1'],
    ['redis://:top:secret@cache/1', 'redis://***@cache/1'],
    ['redis://cache?password=topsecret', 'redis://cache?***'],
    ['redis://cache/0#topsecret', 'redis://cache/0?***'],
    ['redis://:top/secret@cache', '***'],
    ['topsecret', '***'],
    ['', '***'],
  ];
  for (const [url, seen] of urls)
    it(`[SE2] of the address '${url}' an operator sees '${seen}'`, () =>
      assert.deepEqual(showSettings({ URL: secretUrl(z.string()) }, { URL: url }), [
        `URL=${seen}`,
      ]));

  it('[SE2] the secrets of every role are marked as such', () => {
    const values = { REDIS_URL: 'redis://:topsecret@cache', APP_KEY: 'key', APP_SECRET: 'a://top' };
    const shown = showSettings(commonSettings, values);
    assert.ok(shown.includes('REDIS_URL=redis://***@cache'));
    assert.ok(shown.includes('APP_KEY=key'));
    assert.ok(shown.includes('APP_SECRET=***'));
  });
});
