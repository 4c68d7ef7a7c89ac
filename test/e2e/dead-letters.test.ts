import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { openRedisState, type RedisState } from '@fanfare/redis';
import PusherServer from 'pusher';
import { eventually } from '../eventually.ts';
import { runFanfare, startFanfare, type Done } from '../fanfare.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis-server.ts';
import { startReceiver } from '../webhook-receiver.ts';

const app = { id: '1001', key: 'dead-key', secret: 'dead-secret' };
const CHANNELS = Array.from({ length: 6 }, (_, n) => `channel-${n}`);
/** For a command that waits for a Redis which is not there, on a busy machine. */
const ANSWER_MS = 15_000;

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const log = { info() {}, warn() {}, error() {} };
const state = await openRedisState({ url: server.url, connectionName: 'test', log });
after(() => state[Symbol.asyncDispose]());
const receiver = await startReceiver();
after(() => receiver[Symbol.asyncDispose]());
receiver.trust(new PusherServer({ appId: app.id, key: app.key, secret: app.secret, host: '' }));
const directory = await mkdtemp(join(tmpdir(), 'fanfare-dead-'));
after(() => rm(directory, { recursive: true, force: true }));

/** Settings of a role whose app has its one webhook at the address. */
async function settings(name: string, url: string): Promise<Readonly<Record<string, string>>> {
  const file = join(directory, name);
  const keys = [{ key: app.key, secret: app.secret }];
  await writeFile(file, JSON.stringify({ apps: [{ id: app.id, keys, webhooks: [{ url }] }] }));
  return { REDIS_URL: server.url, APPS_FILE: file, OPS_HOST: '127.0.0.1', OPS_PORT: '0' };
}

const wrong = await settings(
  'wrong.json',
  `http://127.0.0.1:${await freePort()}/hooks?t=topsecret`,
);
const corrected = await settings('corrected.json', receiver.url);

const webhooks = (
  argv: readonly string[],
  env: Readonly<Record<string, string>> = corrected,
): Promise<Done> => runFanfare(['webhooks', ...argv], { env });

/** What a command prints that works, by lines. */
async function lines(...argv: readonly string[]): Promise<readonly string[]> {
  const done = await webhooks(argv);
  assert.equal(done.code, 0, done.text);
  assert.equal(done.stderr, '');
  return done.stdout.split('\n').slice(0, -1);
}

async function refused(
  argv: readonly string[],
  complaint: RegExp,
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const done = await webhooks(argv, env);
  assert.equal(done.code, 2, done.text);
  assert.equal(done.stdout, '');
  assert.match(done.stderr, complaint);
  assert.doesNotMatch(done.stderr, /topsecret|^ +at /m);
  return done.stderr;
}

interface Letter {
  readonly id: string;
  readonly time_ms: number;
  readonly event: Readonly<Record<string, string>>;
  readonly reason: string;
}

async function lettersOf(...argv: readonly string[]): Promise<readonly Letter[]> {
  return (await lines('dead', app.id, ...argv)).map((line) => JSON.parse(line) as Letter);
}

/** Nobody waits an hour in a test: what the worker would do then is done here, with the claims that it has left. */
async function giveUp(outbox: RedisState): Promise<void> {
  const wanted = { token: 'test', leaseMs: 60_000, lanes: 100, entries: 100, unrouted: 0 };
  let given = 0;
  await eventually(
    async () => {
      for (let partition = 0; partition < outbox.partitions; partition += 1)
        for (const lane of (await outbox.poll(partition, wanted)).lanes) {
          assert.equal(await outbox.abandon(lane, 'connect ECONNREFUSED'), true);
          given += lane.entries.length;
        }
      return given === CHANNELS.length;
    },
    () => `${given} of ${CHANNELS.length} events were to be had`,
  );
}

/** The hook whose address is wrong, as `dead` tells it, and the corrected one, as it is suggested. */
let [old, fresh] = ['', ''];

describe('dead letters', () => {
  before(async () => {
    const id = parseAppId(app.id);
    assert.ok(id !== undefined);
    for (const channel of CHANNELS) {
      const name = parseChannelName(channel);
      assert.ok(name !== undefined);
      const partition = state.partitionOf(channelKey(id, name));
      await state.append(partition, id, { name: 'channel_occupied', channel });
    }
    await using worker = startFanfare(['webhooks'], { env: wrong });
    await worker.says(/webhook endpoint fails/);
    await eventually(
      async () => {
        const partitions = Array.from({ length: state.partitions }, (_, each) => each);
        const backlogs = await Promise.all(partitions.map((each) => state.backlog(each)));
        return backlogs.every(({ unrouted }) => unrouted === 0);
      },
      () => 'the worker has not routed all events',
    );
    worker.signal('SIGTERM');
    assert.deepEqual(await worker.exited(), { code: 0, signal: null });
    assert.deepEqual(await lines('dead'), ['no dead letters']);
    await giveUp(state);
    const listed = (await lines('dead')).join('\n');
    old = /^1001 {2}([0-9a-f]{12}) {2}6$/m.exec(listed)?.[1] ?? assert.fail(listed);
    const text = await refused(['replay', app.id, old], /it has /);
    fresh = /has ([0-9a-f]{12}) \(127\.0\.0\.1:\d+\)$/m.exec(text)?.[1] ?? assert.fail(text);
    assert.notEqual(fresh, old);
  });

  it('[WE12] are listed by lane, and of a lane by event, with the reason, or the newest alone', async () => {
    assert.deepEqual(await lines('dead'), ['app  hook  events', `1001  ${old}  6`]);
    const letters = await lettersOf(old);
    assert.deepEqual(new Set(letters.map(({ event }) => event['channel'])), new Set(CHANNELS));
    const times = letters.map(({ time_ms: timeMs }) => timeMs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(letters.map(({ id }) => id)).size, CHANNELS.length);
    for (const { id, time_ms: timeMs, event, reason } of letters) {
      assert.match(id, /^\d+-\d+-\d+$/);
      assert.ok(Math.abs(Date.now() - timeMs) < 600_000);
      assert.deepEqual(Object.keys(event), ['name', 'channel']);
      assert.equal(reason, 'connect ECONNREFUSED');
    }
    assert.deepEqual(await lettersOf(old, '--max', '2'), letters.slice(-2));
  });

  it('[WE14] of an app or a webhook that does not exist are refused with those that do, and so are wrong arguments', async () => {
    const nobody = 'ffffffffffff';
    const mistakes: readonly (readonly [argv: readonly string[], complaint: RegExp])[] = [
      [['dead', '7', fresh], /there is no app 7; there is 1001/],
      [['dead', 'seven', fresh], /'seven' is no id of an app/],
      [['dead', app.id], /expected the id of a hook/],
      [['dead', app.id, nobody], new RegExp(`'${nobody}'; it has ${fresh} `)],
      [['dead', app.id, old, '--max', '0'], /--max: expected a whole number from 1, got '0'/],
      [['replay', '7', old, '--to', fresh], /there is no app 7; there is 1001/],
      [['replay', app.id, nobody, '--to', fresh], new RegExp(`'${nobody}'; it has ${fresh} `)],
      [['replay', app.id, old], new RegExp(`'${old}'; it has ${fresh} `)],
      [['replay', app.id, old, '--to', nobody], new RegExp(`'${nobody}'; it has ${fresh} `)],
      [['replay', app.id], /expected the ids of an app and a hook/],
      [['replay', app.id, old, '--max', 'all'], /--max: expected/],
      [['revive', app.id, old], /there is no 'revive'; expected dead or replay/],
      [['dead', app.id, old, 'more'], /unexpected argument 'more'/],
    ];
    // A few at a time, as each is a process.
    for (let at = 0; at < mistakes.length; at += 4)
      await Promise.all(
        mistakes.slice(at, at + 4).map(([argv, complaint]) => refused(argv, complaint)),
      );
    const none = await webhooks(['dead', app.id, fresh]);
    assert.deepEqual([none.code, none.stdout], [0, '']);
    assert.match(none.stderr, new RegExp(`no dead letters of app 1001, hook ${fresh}`));
    assert.equal((await lettersOf(old)).length, CHANNELS.length, 'nothing was replayed');
  });

  it('[WE13] are delivered to the corrected address with the ids that they have, as many as one asks for', async () => {
    const letters = await lettersOf(old);
    const answer = (moved: number, left = ''): string[] => [
      `${moved} events of app 1001, hook ${old} will be delivered again, to hook ${fresh}${left}`,
    ];
    const replay = (...max: readonly string[]): Promise<readonly string[]> =>
      lines('replay', app.id, old, '--to', fresh, ...max);
    assert.deepEqual(
      await replay('--max', '2'),
      answer(2, '; of 4 more, repeat the command when these are delivered'),
    );
    const left = (await lettersOf(old)).map(({ id }) => id);
    assert.equal(left.length, 4);
    await using _worker = startFanfare(['webhooks'], { env: corrected });
    const told = (): readonly string[] => receiver.accepted().map(({ id }) => id);
    const untilTold = (count: number): Promise<void> =>
      eventually(
        () => told().length >= count,
        () => `${count} events expected, came: ${told().join(' ')}`,
      );
    await untilTold(2);
    assert.deepEqual(
      told().toSorted(),
      letters
        .map(({ id }) => id)
        .filter((id) => !left.includes(id))
        .toSorted(),
    );
    assert.deepEqual(await replay(), answer(4));
    await untilTold(CHANNELS.length);
    const byId = new Map(receiver.accepted().map(({ id, event }) => [id, event]));
    assert.deepEqual(
      letters.map(({ id }) => byId.get(id)),
      letters.map(({ event }) => event),
    );
    assert.equal(told().length, CHANNELS.length);
    assert.deepEqual(await lines('dead'), ['no dead letters']);
    assert.deepEqual(await lines('replay', app.id, fresh), [
      `0 events of app 1001, hook ${fresh} will be delivered again, to hook ${fresh}`,
    ]);
  });

  it('[WE15] are not asked for for ever when Redis is away, silent or not set', async () => {
    const away = { ...corrected, REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
    const { REDIS_URL: _, ...unset } = corrected;
    await using silent = await startRedis();
    silent.freeze();
    const frozen = { ...corrected, REDIS_URL: silent.url };
    const startedMs = performance.now();
    await Promise.all([
      refused(['dead'], /the Redis of REDIS_URL was not there within 5 s/, away),
      refused(['replay', app.id, fresh], /the Redis of REDIS_URL was not there within 5 s/, frozen),
      refused(['dead'], /REDIS_URL: expected the address of the Redis/, unset),
    ]);
    assert.ok(performance.now() - startedMs < ANSWER_MS);
  });
});
