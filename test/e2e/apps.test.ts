import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sign } from '@fanfare/core';
import { Redis } from 'ioredis';
import { registryKeys } from '../../packages/redis/src/keys.ts';
import {
  addApp,
  answerOfEdge,
  credentialsIn,
  NO_APP,
  operate,
  statusOfApi,
  type Credentials,
} from '../app-operator.ts';
import { metric, startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { runFanfare } from '../fanfare.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { startRedis } from '../support/redis-server.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** What is promised of a change, from the moment it was made. */
const PROMISED_MS = 1_000;

const redis = await startRedis();
after(() => redis[Symbol.asyncDispose]());
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  redis: redis.url,
  env: NO_APP,
});
after(() => cluster[Symbol.asyncDispose]());

/** Asks every edge and the api until all of them say so, within what is promised. */
async function everywhere(
  app: Credentials,
  expected: { readonly edge: 'in' | number; readonly api: number },
  patienceMs = PROMISED_MS,
): Promise<void> {
  let seen: unknown;
  await eventually(
    async () => {
      const [first, second, api] = await Promise.all([
        answerOfEdge(cluster, 0, app.key),
        answerOfEdge(cluster, 1, app.key),
        statusOfApi(cluster, app),
      ]);
      seen = { first, second, api };
      return first === expected.edge && second === expected.edge && api === expected.api;
    },
    () => `app ${app.id}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}`,
    patienceMs,
  );
}

const SERVED = { edge: 'in', api: 200 } as const;
const UNKNOWN = { edge: 4001, api: 401 } as const;
const DISABLED = { edge: 4003, api: 403 } as const;

function open(edge: number, { key }: Credentials): Promise<RawSocket> {
  return openRawSocket(`ws://127.0.0.1:${cluster.edges[edge]?.port ?? 0}/app/${key}?protocol=7`);
}

function authOf({ id }: RawSocket, channel: string, { key, secret }: Credentials): string {
  return `${key}:${sign(secret, `${id}:${channel}`)}`;
}

/** The text of a file of apps with these keys, numbered from 1. */
function appsOf(...keys: readonly string[]): string {
  const apps = keys.map((key, at) => ({
    id: String(at + 1),
    keys: [{ key, secret: 'top-secret' }],
  }));
  return JSON.stringify({ apps });
}

async function refusal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly [number | null, string]> {
  const done = await runFanfare(argv, { env });
  assert.equal(done.stdout, '', done.text);
  return [done.code, done.stderr];
}

describe('Apps in Redis', () => {
  it('[AV1] without an app roles are ready, say how to get one, and refuse everybody', async () => {
    assert.match(await operate(redis.url, 'list'), /no app yet/);
    await everywhere({ id: '1', key: 'nobody', secret: 'x' }, UNKNOWN);
    for (const { process } of [...cluster.edges, ...cluster.apis, ...cluster.workers])
      assert.match(process.output(), /"hint":"fanfare apps add"/);
  });

  it('[AV2] an app that is added works on every node within a second', async () => {
    const app = await addApp(redis.url);
    await everywhere(app, SERVED);
    await using listener = await open(1, app);
    await listener.subscribe('news');
    assert.equal(await statusOfApi(cluster, app, 'hello'), 200);
    assert.equal((await listener.frames.next()).event, 'happened');
    for (const node of [...cluster.edges, ...cluster.apis, ...cluster.workers])
      assert.ok((await metric(node, 'fanfare_apps')) >= 1);
  });

  it('[AV3] both keys work during a rotation, the new one alone behind it; no socket is closed', async () => {
    const old = await addApp(redis.url);
    await everywhere(old, SERVED);
    await using socket = await open(0, old);
    await socket.subscribe('private-news', authOf(socket, 'private-news', old));
    const fresh = credentialsIn(await operate(redis.url, 'rotate-key', old.id));
    await everywhere(fresh, SERVED);
    await everywhere(old, SERVED);
    for (const pair of [old, fresh])
      await socket.subscribe(`private-${pair.key}`, authOf(socket, `private-${pair.key}`, pair));
    await operate(redis.url, 'rotate-key', old.id, '--finish');
    await everywhere(old, UNKNOWN);
    await everywhere(fresh, SERVED);
    await socket.subscribe('news');
    assert.equal(await statusOfApi(cluster, fresh), 200);
    assert.equal((await socket.frames.next()).event, 'happened');
    assert.deepEqual(await socket.untilPong(), []);
  });

  it('[AV4] disabling closes that app’s sockets with 4003 on every node, and touches no other', async () => {
    const [app, other] = [await addApp(redis.url), await addApp(redis.url)];
    await everywhere(app, SERVED);
    await everywhere(other, SERVED);
    const own = await Promise.all([0, 1, 0, 1].map((edge) => open(edge, app)));
    const others = await Promise.all([0, 1, 0, 1].map((edge) => open(edge, other)));
    for (const socket of [...own, ...others]) await socket.subscribe('news');
    await operate(redis.url, 'disable', app.id);
    for (const socket of own)
      assert.deepEqual(await socket.closed, { code: 4003, reason: 'Application disabled' });
    await everywhere(app, DISABLED);
    assert.equal(await statusOfApi(cluster, other), 200);
    for (const socket of others)
      assert.deepEqual(
        (await socket.untilPong()).map(({ event }) => event),
        ['happened'],
      );
    await operate(redis.url, 'enable', app.id);
    await everywhere(app, SERVED);
    await using back = await open(0, app);
    await back.subscribe('news');
    await operate(redis.url, 'remove', app.id);
    assert.equal((await back.closed).code, 4001);
    await everywhere(app, UNKNOWN);
    for (const socket of others) {
      assert.deepEqual(await socket.untilPong(), []);
      await socket[Symbol.asyncDispose]();
    }
  });

  it('[AV5] limits and webhooks that are set hold for those who are connected', async () => {
    await using receiver = await startReceiver();
    const app = await addApp(redis.url);
    await everywhere(app, SERVED);
    await using socket = await open(0, app);
    await socket.subscribe('private-news', authOf(socket, 'private-news', app));
    await operate(
      redis.url,
      'set',
      app.id,
      'limits.maxEventBytes=10',
      `webhooks=[{"url":"${receiver.url}"}]`,
    );
    await eventually(
      async () => (await statusOfApi(cluster, app, 'more than ten bytes')) === 413,
      () => 'the api still takes long events',
      PROMISED_MS,
    );
    await eventually(
      async () => {
        socket.send('client-typing', 'more than ten bytes', 'private-news');
        return (await socket.untilPong()).some(({ event }) => event === 'pusher:error');
      },
      () => 'the edge still takes long events',
      PROMISED_MS,
    );
    receiver.trust(cluster.serverSdk(0, { app }));
    await socket.subscribe('webhooks-are-on');
    assert.deepEqual(await receiver.storyOf('webhooks-are-on', 1), ['channel_occupied']);
  });

  it('[AV6] a change of which nobody was told is found by the clock', async () => {
    const app = { id: '424242', key: `lost-${randomUUID()}`, secret: 'lost' };
    const client = new Redis(redis.url);
    const settings = JSON.stringify({ keys: [{ key: app.key, secret: app.secret }] });
    await client
      .multi()
      .hset(registryKeys.hash, app.id, settings)
      .set(registryKeys.version, randomUUID())
      .exec();
    client.disconnect();
    await everywhere(app, SERVED, 7_000);
  });

  it('[AV7] a Redis that comes back empty has the apps again, and their sockets stay', async () => {
    const app = await addApp(redis.url);
    await everywhere(app, SERVED);
    await using socket = await open(0, app);
    await redis.restart();
    await eventually(
      async () => (await operate(redis.url, 'list')).includes(app.key),
      () => `Redis was not given back app ${app.id}`,
    );
    assert.deepEqual(await socket.untilPong(), []);
    await everywhere(app, SERVED, 10_000);
  });
});

describe('Apps in a file', () => {
  it('[AV8] a file that is replaced is read within a second, by SIGHUP too; a broken one changes nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fanfare-apps-'));
    after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'apps.json');
    const write = async (text: string): Promise<void> => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    await write(appsOf('one'));
    await using own = await startCluster({
      edges: 1,
      apis: 1,
      redis: redis.url,
      env: { ...NO_APP, APPS_FILE: file },
    });
    const [edge, api] = [own.edges[0], own.apis[0]];
    assert.ok(edge !== undefined && api !== undefined);
    const served = async (key: string, id: string): Promise<void> => {
      await eventually(
        async () =>
          (await answerOfEdge(own, 0, key)) === 'in' &&
          (await statusOfApi(own, { id, key, secret: 'top-secret' })) === 200,
        () => `${key} is not served`,
        PROMISED_MS,
      );
    };
    await served('one', '1');
    await using socket = await openRawSocket(`ws://127.0.0.1:${edge.port}/app/one?protocol=7`);
    await write(appsOf('one', 'two'));
    await served('two', '2');
    await write(
      '{"apps":[{"id":"1","keys":[{"key":"one","secret":"top-secret"}],"enabled":"no"}]}',
    );
    for (const node of [edge, api]) {
      await node.process.says(/apps\[0\]\.enabled: expected true or false/);
      assert.equal(await metric(node, 'fanfare_apps_refused'), 1);
      assert.doesNotMatch(node.process.output(), /top-secret/);
      node.process.signal('SIGHUP');
    }
    await served('two', '2');
    await write(appsOf('one', 'three'));
    await served('three', '2');
    assert.equal(await answerOfEdge(own, 0, 'two'), 4001);
    assert.equal(await metric(edge, 'fanfare_apps_refused'), 0);
    assert.deepEqual(await socket.untilPong(), []);
  });
});

describe('fanfare apps', () => {
  it('[AV9] says what is wrong with its call, and where the apps are if they are not in Redis', async () => {
    const here = { REDIS_URL: redis.url };
    const cases = [
      [['apps'], here, 2, /missing/],
      [['apps', 'nothing'], here, 2, /no 'nothing'; expected list, add, /],
      [['apps', 'set', '1'], here, 2, /missing/],
      [['apps', 'disable', 'one'], here, 2, /'one' is no id/],
      [['apps', 'list', '--all'], here, 2, /--all/],
      [
        ['apps', 'add', '--set', 'limits.maxEventBytes=0'],
        here,
        2,
        /maxEventBytes: expected a whole/,
      ],
      [['apps', 'add', '--key', 'a b'], here, 2, /keys\[0\]\.key: expected/],
      [['apps', 'enable', '999999999'], here, 1, /there is no app 999999999/],
      [['apps', 'list'], {}, 2, /REDIS_URL: expected/],
      [['apps', 'list'], { ...here, APPS_FILE: 'apps.json' }, 2, /APPS_FILE: .* edit the file/],
      [['apps', 'add'], { ...here, APP_ID: '1' }, 2, /APP_ID: .* restart/],
      [['apps', 'list'], { REDIS_URL: 'redis://127.0.0.1:1' }, 1, /cannot reach Redis: .*REFUSED/],
      [['apps', 'list'], { REDIS_URL: `${redis.url}/99` }, 2, /no database of the number/],
      [['webhooks', 'dead', '999999999', 'x'], here, 2, /there is no app 999999999; there is /],
      [['edge'], {}, 2, /REDIS_URL: expected/],
      [['api'], { ...here, WEBHOOK_URL: 'http://host/' }, 2, /WEBHOOK_URL: .*fanfare apps set/],
    ] as const;
    await Promise.all(
      cases.map(async ([argv, env, code, text]) => {
        const [found, stderr] = await refusal(argv, env);
        assert.equal(found, code, `${argv.join(' ')}: ${stderr}`);
        assert.match(stderr, text);
      }),
    );
  });
});
