import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readApps, type AppsSettings } from '../src/index.ts';
import { appId, appKey, problemsOf } from './given.ts';

const folder = await mkdtemp(join(tmpdir(), 'fanfare-apps-'));
after(() => rm(folder, { recursive: true }));
const file = join(folder, 'apps.json');

async function write(content: unknown): Promise<AppsSettings> {
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return { APPS_FILE: file };
}

/** What is said of an apps file, without the file's name in front. */
async function problemsIn(content: unknown): Promise<readonly string[]> {
  const settings = await write(content);
  const problems = await problemsOf(() => readApps(settings));
  const front = `APPS_FILE: ${file}: `;
  return problems.map((problem) => {
    assert.ok(problem.startsWith(front), problem);
    return problem.slice(front.length);
  });
}

const pair = { key: 'k1', secret: 's1' };
const app = { id: '1001', keys: [pair] };
const defaults = {
  enabled: true,
  clientEvents: true,
  subscriptionErrors: true,
  watchlist: true,
  subscriptionCount: false,
  subscriptionCountOnEncrypted: false,
  authorizedConnections: false,
  allowedOrigins: [],
  dialect: 'pusher',
  broadcastEmptyChannel: false,
  slowConsumers: 'close',
  limits: {
    maxConnections: null,
    authorizationTimeoutSeconds: 30,
    maxChannelsPerConnection: 1_000,
    maxChannelNameChars: 200,
    maxEventNameChars: 200,
    maxEventBytes: 10_240,
    maxClientEventsPerSecond: 10,
    maxPresenceMembers: 100,
    maxPresenceUserInfoBytes: 1_024,
    maxChannelsPerTrigger: 100,
    maxEventsPerBatch: 10,
    maxTriggersPerSecond: null,
    maxReadsPerSecond: null,
  },
  webhooks: [],
};
const limitNames = Object.keys(defaults.limits);
const env = { APP_ID: appId('1001'), APP_KEY: appKey('k1'), APP_SECRET: 's1' };

describe('Apps from the environment', () => {
  it('[SE3] id, key and secret together are one app with the defaults', () => {
    assert.deepEqual(readApps(env), [{ ...app, ...defaults }]);
  });

  it('[SE3] none of them is no app', () => {
    assert.equal(readApps({}), undefined);
  });

  for (const left of [['APP_ID'], ['APP_KEY'], ['APP_SECRET'], ['APP_ID', 'APP_SECRET']])
    it(`[SE3] an app without ${left.join(' and ')} is an error that names what is missing`, async () => {
      const half = { ...env, ...Object.fromEntries(left.map((name) => [name, undefined])) };
      assert.deepEqual(
        await problemsOf(() => readApps(half)),
        left.map(
          (name) => `${name}: expected a value, as another of APP_ID, APP_KEY, APP_SECRET is set`,
        ),
      );
    });

  it('[SE3] a file and any of the three is an error', async () => {
    const settings = await write({ apps: [app] });
    for (const part of [env, { APP_ID: env.APP_ID }, { APP_SECRET: 's' }])
      assert.deepEqual(await problemsOf(() => readApps({ ...settings, ...part })), [
        'APPS_FILE: set either APPS_FILE or APP_ID, APP_KEY and APP_SECRET',
      ]);
  });
});

describe('Apps from a file', () => {
  it('[SE3] all apps of the file are read, with the defaults for what they leave out', async () => {
    const other = {
      id: '1002',
      keys: [
        { key: 'k2', secret: 's2' },
        { key: 'k3', secret: 's2' },
      ],
      enabled: false,
      clientEvents: false,
      subscriptionErrors: false,
      watchlist: false,
      limits: { maxEventBytes: 1, maxChannelsPerConnection: 5 },
    };
    assert.deepEqual(readApps(await write({ apps: [app, other] })), [
      { ...app, ...defaults },
      { ...defaults, ...other, limits: { ...defaults.limits, ...other.limits } },
    ]);
  });

  it('[SE4] an unknown name is refused, with the names that are known', async () => {
    assert.deepEqual(
      await problemsIn({
        app: [],
        apps: [
          { ...app, secret: 'topsecret', keys: [{ ...pair, name: 'topsecret' }] },
          { id: '1002', keys: [{ key: 'k2', secret: 's2' }], limits: { maxEvents: 1, max: 2 } },
        ],
      }),
      [
        'apps[0].keys[0]: the name "name" is unknown, expected key or secret',
        'apps[0]: the name "secret" is unknown, expected id, keys, enabled, clientEvents, subscriptionErrors, watchlist, subscriptionCount, subscriptionCountOnEncrypted, authorizedConnections, allowedOrigins, dialect, broadcastEmptyChannel, slowConsumers, limits or webhooks',
        `apps[1].limits: the names "maxEvents" and "max" are unknown, expected ${limitNames.slice(0, -1).join(', ')} or ${limitNames.at(-1)}`,
        'the name "app" is unknown, expected apps',
      ],
    );
  });

  it('[SE4] names that mean something to JavaScript are unknown too', async () => {
    const [problem] = await problemsIn(
      '{"apps":[{"id":"1","keys":[{"key":"k","secret":"s"}],"constructor":1}]}',
    );
    assert.match(problem ?? '', /^apps\[0\]: the name "constructor" is unknown/);
  });

  it('[SE4] an id that stands there twice is refused, and so is a key, wherever they stand', async () => {
    assert.deepEqual(
      await problemsIn({
        apps: [
          { id: '1', keys: [{ key: 'a', secret: 'x' }] },
          { id: '2', keys: [{ key: 'a', secret: 'x' }] },
          {
            id: '1',
            keys: [
              { key: 'b', secret: 'x' },
              { key: 'b', secret: 'y' },
            ],
          },
        ],
      }),
      [
        'apps[1].keys[0].key: expected a key that stands nowhere else, got "a"',
        'apps[2].id: expected an id that no other app has, got "1"',
        'apps[2].keys[1].key: expected a key that stands nowhere else, got "b"',
      ],
    );
  });

  it('[SE4] a key may be another app’s id, and a secret another’s secret', async () => {
    const other = { id: '1002', keys: [{ key: '1001', secret: 's1' }] };
    assert.equal(readApps(await write({ apps: [app, other] }))?.length, 2);
  });

  it('[SE1] all mistakes of a file are told, each with its place, what was expected and what was found', async () => {
    const limits = {
      maxEventBytes: '10k',
      maxClientEventsPerSecond: 0,
      maxChannelsPerConnection: 1.5,
    };
    assert.deepEqual(
      (
        await problemsIn({
          apps: [
            { id: 1001, keys: [], enabled: 'yes', limits },
            { id: 'one', keys: [{ key: 'a b' }, 5], clientEvents: null, limits: [] },
            7,
          ],
        })
      ).toSorted(),
      [
        'apps[0].id: expected text of 1 to 20 digits, as Pusher SDKs require, got 1001',
        'apps[0].keys[0]: expected an object, it is missing',
        'apps[0].enabled: expected true or false, got "yes"',
        'apps[0].limits.maxEventBytes: expected a whole number from 1 to 262144, got "10k"',
        'apps[0].limits.maxClientEventsPerSecond: expected a whole number from 1 to 1000000, got 0',
        'apps[0].limits.maxChannelsPerConnection: expected a whole number from 1 to 10000, got 1.5',
        'apps[1].id: expected text of 1 to 20 digits, as Pusher SDKs require, got "one"',
        'apps[1].keys[0].key: expected text of 1 to 64 letters, digits, - or _, got "a b"',
        'apps[1].keys[0].secret: expected a secret, text that is not empty, it is missing',
        'apps[1].keys[1]: expected an object, got a value that is not shown',
        'apps[1].clientEvents: expected true or false, got null',
        'apps[1].limits: expected an object, got an empty list',
        'apps[2]: expected an object, got 7',
      ].toSorted(),
    );
  });

  const shapes: readonly (readonly [content: unknown, problem: string])[] = [
    [[], 'expected an object, got an empty list'],
    [[app], 'expected an object, got a list'],
    ['null', 'expected an object, got null'],
    [{}, 'apps: expected a list, it is missing'],
    [{ apps: {} }, 'apps: expected a list, got an object'],
    [{ apps: [] }, 'apps: expected at least one app, got an empty list'],
    ['', 'expected JSON, the text ends too soon'],
    ['{"apps":[', 'expected JSON, the text ends too soon'],
    ['{\n  "apps": [],\n}', 'expected JSON, there is a mistake in line 3'],
    ['apps: []', 'expected JSON'],
  ];
  for (const [content, problem] of shapes)
    it(`[SE1] a file with ${JSON.stringify(content)} is told: ${problem}`, async () =>
      assert.deepEqual(await problemsIn(content), [problem]));

  it('[SE1] a file that cannot be read is told with the reason', async () => {
    const missing = join(folder, 'missing.json');
    assert.deepEqual(await problemsOf(() => readApps({ APPS_FILE: missing })), [
      `APPS_FILE: ${missing}: expected a file that can be read, there is none`,
    ]);
    assert.deepEqual(await problemsOf(() => readApps({ APPS_FILE: folder })), [
      `APPS_FILE: ${folder}: expected a file that can be read, it is a folder`,
    ]);
  });

  it('[SE2] nothing that may be a secret is shown, wherever it was put by mistake', async () => {
    const wrong: readonly unknown[] = [
      { apps: [{ id: '1', keys: 'topsecret' }] },
      { apps: [{ id: '1', keys: ['topsecret'] }] },
      { apps: [{ id: '1', keys: { key: 'k', secret: 'topsecret' } }] },
      { apps: [{ id: '1', keys: [{ key: 'k', secret: ['topsecret'] }] }] },
      { apps: [{ id: '1', keys: [{ key: 'k', secret: 123_454_321 }] }] },
      { apps: { id: '1', keys: [{ key: 'k', secret: 'topsecret' }] } },
      { id: '1', keys: [{ key: 'k', secret: 'topsecret' }] },
      { apps: [{ id: '1', keys: [{ key: 'k', secret: 'topsecret' }], secret: 'topsecret' }] },
    ];
    for (const content of wrong) {
      const text = (await problemsIn(content)).join('\n');
      assert.ok(!/topsecret|123454321/.test(text), text);
    }
  });

  it('[SE2] a file that is no JSON is not quoted: the mistake may stand beside a secret', async () => {
    const wrong = [
      '{"secret":topsecret}',
      '{"secret":"topsecret" x}',
      '{"secret":"topsecret',
      "{'secret':'topsecret'}",
      'topsecret',
      `${' '.repeat(100)}"secret": "a", topsecret ${' '.repeat(100)}`,
    ];
    for (const content of wrong) {
      const text = (await problemsIn(content)).join('\n');
      assert.ok(!/opsecre|topse/.test(text), text);
    }
  });
});
