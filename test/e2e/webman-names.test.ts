import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { after, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import PusherServer from 'pusher';
import { startCluster } from '../cluster.ts';
import { seeded } from '../crowd.ts';
import { eventually } from '../eventually.ts';
import { startFanfare } from '../fanfare.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { freePort } from '../support/free-port.ts';
import { openRawCaller, type CallTarget, type WebmanCaller } from '../webman-caller.ts';
import { startReceiver, type WebhookReceiver } from '../webhook-receiver.ts';

/** A new Redis tells nothing for its first 15 s, and a leave is told after 3 s; the machine may be slow. */
const TOLD_PATIENCE_MS = 45_000;
const ROUNDS = 3;
const CHANNELS = 32;
const SOCKETS = 6;

/** What separates something somewhere, and what is more than one byte or unit. */
const PIECES = [
  ...Array.from('/:{}%#?&=+ .,;|*()[]<>\'"\\~^$@!-_aZ09'),
  '频',
  '😀',
  'é',
  '\u00a0',
  '\u2028',
  '\ufeff',
];
const KINDS = ['', '', 'private-', 'presence-'];

/** A server with an app of the dialect webman whose webhooks the receiver hears. */
interface Place {
  readonly edgeUrls: readonly string[];
  readonly target: CallTarget;
  readonly receiver: WebhookReceiver;
}

type Random = () => number;

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

function randomName(random: Random): string {
  const kind = pick(random, KINDS);
  const length = random() < 0.1 ? 200 - kind.length : 1 + Math.floor(random() * 8);
  return kind + Array.from({ length }, () => pick(random, PIECES)).join('');
}

/** One client of the story: where it is, whom it stands for, and what it is subscribed to. */
interface Client {
  readonly socket: RawSocket;
  readonly user: string;
  readonly channels: Set<string>;
}

/** Random names from end to end. What the clients did is the truth that everything is held against. */
async function tell(place: Place, seed: number): Promise<void> {
  const random = seeded(seed);
  const api = await openRawCaller(place.target);
  const names = [...new Set(Array.from({ length: CHANNELS }, () => randomName(random)))];
  const clients: Client[] = [];
  for (let at = 0; at < SOCKETS; at += 1)
    clients.push({
      socket: await openRawSocket(place.edgeUrls[at % place.edgeUrls.length] ?? ''),
      // Two tabs of each user.
      user: `用户/${at % 3}:${pick(random, PIECES)}`,
      channels: new Set(),
    });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const client of clients) await move(client, names, random, api);
    await countsAreTrue(api, names, clients);
    await eventsArrive(api, names, clients, round);
  }
  const members = membersOf(clients);
  // What came and went before it could be told would not be told at all.
  for (const [name, users] of members) await storyIs(place.receiver, name, came(users));
  for (const { socket } of clients) await socket[Symbol.asyncDispose]();
  for (const [name, users] of members)
    await storyIs(place.receiver, name, [...came(users), ...went(users)]);
  const { body } = await api.getChannels();
  assert.equal(body, '{"channels":{}}');
  await api[Symbol.asyncDispose]();
}

/** Joins or leaves some channels; a leave is not undone, so that the webhooks are few. */
async function move(
  { socket, user, channels }: Client,
  names: readonly string[],
  random: Random,
  api: WebmanCaller,
): Promise<void> {
  for (const channel of names) {
    if (random() > 0.3 || channels.has(channel)) continue;
    socket.send('pusher:subscribe', { channel, ...(await authFor(api, channel, socket.id, user)) });
    const frames = await socket.frames.takeUntil(({ event }) => !/member_/.test(event));
    const { event, channel: on, data } = frames.at(-1) ?? {};
    assert.deepEqual(
      [event, on],
      ['pusher_internal:subscription_succeeded', channel],
      String(data),
    );
    channels.add(channel);
  }
}

async function authFor(
  api: WebmanCaller,
  channel: string,
  id: string,
  user: string,
): Promise<object> {
  if (channel.startsWith('private-'))
    return JSON.parse(await api.socketAuth(channel, id)) as object;
  if (!channel.startsWith('presence-')) return {};
  return JSON.parse(await api.presenceAuth(channel, id, user, { name: user })) as object;
}

async function countsAreTrue(
  api: WebmanCaller,
  names: readonly string[],
  clients: readonly Client[],
): Promise<void> {
  const expected: Record<string, unknown> = {};
  for (const name of names) {
    const inside = clients.filter(({ channels }) => channels.has(name));
    const users = [...new Set(inside.map(({ user }) => user))].toSorted();
    expected[name] = [inside.length > 0, inside.length, isPresence(name) ? users : []];
  }
  let told: Record<string, unknown> = {};
  await eventually(
    async () => {
      told = Object.fromEntries(await Promise.all(names.map((name) => look(api, name))));
      return isDeepStrictEqual(told, expected);
    },
    () => `expected ${JSON.stringify(expected)}, told ${JSON.stringify(told)}`,
  );
  const { result } = await api.getChannels();
  const listed = Object.keys((result as { readonly channels: object }).channels);
  const occupied = names.filter((name) => clients.some(({ channels }) => channels.has(name)));
  assert.deepEqual(listed.toSorted(), occupied.toSorted());
}

async function look(api: WebmanCaller, name: string): Promise<readonly [string, unknown]> {
  const path = `/channels/${encodeURIComponent(name)}`;
  const { result, body } = await api.get(path, { info: 'subscription_count' });
  assert.ok(result !== undefined, `${name}: ${body}`);
  const { occupied, subscription_count: count } = result as Record<string, unknown>;
  if (!isPresence(name)) return [name, [occupied, count, []]];
  const { users } = (await api.get(`${path}/users`)).result as {
    readonly users: readonly { readonly id: string }[];
  };
  return [name, [occupied, count, users.map(({ id }) => id).toSorted()]];
}

/** One trigger on all names; each client gets it on exactly its own, in their order. */
async function eventsArrive(
  api: WebmanCaller,
  names: readonly string[],
  clients: readonly Client[],
  round: number,
): Promise<void> {
  // What is still on its way is of members.
  for (const { socket } of clients)
    for (const { event } of await socket.untilPong()) assert.match(event, /member_/);
  const event = `e ${round} 频/${names[0]}`.slice(0, 100);
  assert.equal(await api.trigger(names, event, round), true);
  for (const { socket, channels } of clients) {
    const frames = await socket.frames.take(channels.size);
    assert.deepEqual(
      frames,
      names
        .filter((name) => channels.has(name))
        .map((name) => ({ event, channel: name, data: String(round) })),
    );
    assert.deepEqual(await socket.untilPong(), []);
  }
}

/** Channels that anybody is in, and their members. */
function membersOf(clients: readonly Client[]): ReadonlyMap<string, readonly string[]> {
  const members = new Map<string, Set<string>>();
  for (const { user, channels } of clients)
    for (const name of channels) {
      const users = members.get(name) ?? new Set();
      if (isPresence(name)) users.add(user);
      members.set(name, users);
    }
  return new Map([...members].map(([name, users]) => [name, [...users]]));
}

function came(users: readonly string[]): readonly string[] {
  return ['channel_added', ...users.map((user) => `user_added ${user}`)];
}

function went(users: readonly string[]): readonly string[] {
  return ['channel_removed', ...users.map((user) => `user_removed ${user}`)];
}

/** Each channel is told once, and so is each of its members. */
async function storyIs(
  receiver: WebhookReceiver,
  name: string,
  expected: readonly string[],
): Promise<void> {
  await eventually(
    () => receiver.story(name).length >= expected.length,
    () => `the story of ${JSON.stringify(name)} is ${JSON.stringify(receiver.story(name))}`,
    TOLD_PATIENCE_MS,
  );
  assert.deepEqual(receiver.story(name).toSorted(), expected.toSorted(), name);
}

function isPresence(name: string): boolean {
  return name.startsWith('presence-');
}

describe('Free-form names from end to end', { concurrency: true }, () => {
  it('[WM40] over two edges and Redis', async () => {
    await using receiver = await startReceiver();
    const webhooks = [{ url: receiver.url }];
    await using cluster = await startCluster({
      edges: 2,
      apis: 1,
      workers: 1,
      app: { dialect: 'webman', webhooks },
    });
    receiver.trust(cluster.serverSdk(0));
    const { key, secret } = cluster.app;
    const target = { address: cluster.apiUrl(0), key, secret };
    await tell({ edgeUrls: [cluster.edgeUrl(0), cluster.edgeUrl(1)], target, receiver }, 1);
  });

  for (const seed of [2, 3])
    it(`[WM41] in one process without Redis (seed ${seed})`, async () => {
      await using receiver = await startReceiver();
      const [key, secret] = ['the-key', 'the-secret'];
      receiver.trust(new PusherServer({ appId: '7', key, secret, host: '127.0.0.1' }));
      const webhooks = [{ url: receiver.url }];
      const directory = await mkdtemp(joinPath(tmpdir(), 'fanfare-webman-'));
      after(() => rm(directory, { recursive: true, force: true }));
      const file = joinPath(directory, 'apps.json');
      const app = { id: '7', keys: [{ key, secret }], dialect: 'webman', webhooks };
      await writeFile(file, JSON.stringify({ apps: [app] }));
      const [edgePort, apiPort] = [await freePort(), await freePort()];
      await using server = startFanfare(['start'], {
        env: {
          APPS_FILE: file,
          EDGE_PORT: String(edgePort),
          API_PORT: String(apiPort),
          OPS_PORT: '0',
        },
        cwd: directory,
      });
      await server.says(/"msg":"started"|npx fanfare trigger/);
      const target = { address: `http://127.0.0.1:${apiPort}`, key, secret };
      await tell({ edgeUrls: [`ws://127.0.0.1:${edgePort}/app/${key}`], target, receiver }, seed);
    });
});
