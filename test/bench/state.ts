/**
 * What the state of the cluster costs Redis, and how soon it is right after a crash:
 * commands per connect, subscribe, presence join and close with two and with four edges; CPU per
 * reported share; memory per channel and per member; time from SIGKILL of an edge with many
 * channels to exact counts; webhooks delivered a second by one worker.
 *
 *     npm run bench -- state [--channels 10000] [--part commands|memory|crash|webhooks]
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { metric, startCluster, type Cluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis-server.ts';
import { openRawClient, type RawClient } from './raw-client.ts';

const { values } = parseArgs({
  options: { channels: { type: 'string', default: '10000' }, part: { type: 'string' } },
});
const channels = Number(values.channels);
const parts: Readonly<Record<string, () => Promise<void>>> = {
  commands: async () => {
    for (const edges of [2, 4]) await commands(edges);
  },
  memory,
  crash,
  webhooks,
};
for (const [name, run] of Object.entries(parts))
  if (values.part === undefined || values.part === name) await run();
process.exit(0);

interface Client {
  readonly raw: RawClient;
  readonly socketId: string;
  /** Resolves when so many subscriptions in all were confirmed. */
  confirmed(count: number): Promise<void>;
}

async function openClient(cluster: Cluster, edge: number): Promise<Client> {
  let socketId = '';
  let count = 0;
  const raw = await openRawClient(new URL(cluster.edgeUrl(edge)), (payload) => {
    if (payload.includes('connection_established'))
      socketId = /\d+\.\d+/.exec(payload.toString())?.[0] ?? '';
    else if (payload.includes('subscription_succeeded')) count += 1;
    else if (payload.includes('pusher:error')) throw new Error(payload.toString());
  });
  await eventually(
    async () => socketId !== '',
    () => 'a client was not let in',
  );
  return {
    raw,
    socketId,
    async confirmed(wanted) {
      await eventually(
        async () => count >= wanted,
        () => `${count} of ${wanted} subscriptions were confirmed`,
        60_000,
      );
    },
  };
}

function subscribe(cluster: Cluster, client: Client, channel: string, user?: string): void {
  const { key, secret } = cluster.app;
  const sign = (text: string): string => createHmac('sha256', secret).update(text).digest('hex');
  const data =
    user === undefined ? undefined : JSON.stringify({ user_id: user, user_info: { name: user } });
  const auth =
    data === undefined
      ? {}
      : { channel_data: data, auth: `${key}:${sign(`${client.socketId}:${channel}:${data}`)}` };
  client.raw.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel, ...auth } }));
}

/**
 * What the edges asked of Redis so far because of their clients: subscribing and unsubscribing, and
 * calls of report and join. Heartbeats and tending go on whatever clients do.
 */
async function callsOf(redis: Redis, cluster: Cluster): Promise<number> {
  const stats = await redis.info('commandstats');
  let calls = 0;
  for (const name of ['ssubscribe', 'sunsubscribe'])
    calls += Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  for (const edge of cluster.edges)
    calls += await metric(edge, 'fanfare_state_report_seconds_count');
  return calls;
}

async function commands(edges: number): Promise<void> {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  await using cluster = await startCluster({ edges, apis: 0, redis: server.url });
  const clients: Client[] = [];
  const count = 200;
  const phase = async (name: string, act: () => Promise<void>): Promise<void> => {
    const before = await callsOf(redis, cluster);
    await act();
    // Topics linger for 10 s, and are given back in a sweep.
    await pause(13_000);
    const calls = (await callsOf(redis, cluster)) - before;
    process.stdout.write(
      `${edges} edges: ${(calls / count).toFixed(2)} Redis commands per ${name}\n`,
    );
  };
  await phase('connect', async () => {
    for (let index = 0; index < count; index += 1)
      clients.push(await openClient(cluster, index % edges));
  });
  await phase('subscribe to a channel of its own', async () => {
    for (const [index, client] of clients.entries()) {
      subscribe(cluster, client, `own-${index}`);
      await client.confirmed(1);
    }
  });
  await phase('subscribe to a channel live on the edge', async () => {
    for (const [index, client] of clients.entries()) {
      subscribe(cluster, client, `own-${(index + edges) % count}`);
      await client.confirmed(2);
    }
  });
  await phase('presence join', async () => {
    for (const [index, client] of clients.entries()) {
      subscribe(cluster, client, `presence-${index % 10}`, `user-${index}`);
      await client.confirmed(3);
    }
  });
  await phase('close', async () => {
    for (const { raw } of clients) raw.close();
  });
  redis.disconnect();
}

/** One line of an INFO of Redis. */
function figure(info: string, name: string): number {
  return Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
}

async function memory(): Promise<void> {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  await using cluster = await startCluster({ edges: 1, apis: 0, redis: server.url });
  const client = await openClient(cluster, 0);
  const used = async (): Promise<{ readonly bytes: number; readonly cpu: number }> => {
    const [info, cpu] = [await redis.info('memory'), await redis.info('cpu')];
    return {
      bytes: figure(info, 'used_memory'),
      cpu: figure(cpu, 'used_cpu_sys_main_thread') + figure(cpu, 'used_cpu_user_main_thread'),
    };
  };
  const perChannel = 900;
  const crowd = Math.ceil(channels / perChannel);
  await pause(2_000);
  const before = await used();
  const clients = [client];
  while (clients.length < crowd) clients.push(await openClient(cluster, 0));
  for (const [index, each] of clients.entries())
    for (let own = 0; own < perChannel; own += 1) subscribe(cluster, each, `room-${index}-${own}`);
  for (const each of clients) await each.confirmed(perChannel);
  await pause(2_000);
  const after = await used();
  const made = crowd * perChannel;
  const shares = await metric(cluster.edges[0], 'fanfare_state_shares_reported_total');
  process.stdout.write(
    `${made} channels: ${((after.bytes - before.bytes) / made).toFixed(0)} bytes of Redis each (topic included), ` +
      `${(((after.cpu - before.cpu) * 1e6) / shares).toFixed(1)} µs of Redis CPU per reported share (subscribe included)\n`,
  );
  for (const [index, each] of clients.entries())
    for (let own = 0; own < 90; own += 1)
      subscribe(cluster, each, `presence-${own}`, `user-${index}`);
  for (const each of clients) await each.confirmed(perChannel + 90);
  await pause(2_000);
  const members = await used();
  process.stdout.write(
    `${crowd * 90} members of 90 channels: ${((members.bytes - after.bytes) / (crowd * 90)).toFixed(0)} bytes of Redis each\n`,
  );
  redis.disconnect();
}

async function crash(): Promise<void> {
  await using cluster = await startCluster({ edges: 3, apis: 1 });
  const sdk = cluster.serverSdk(0);
  const perClient = 900;
  const crowd = Math.ceil(channels / perClient);
  for (let index = 0; index < crowd; index += 1) {
    const client = await openClient(cluster, 0);
    for (let own = 0; own < perClient; own += 1) subscribe(cluster, client, `room-${index}-${own}`);
    await client.confirmed(perClient);
  }
  const survivor = await openClient(cluster, 1);
  subscribe(cluster, survivor, 'still-here');
  await survivor.confirmed(1);
  const occupied = async (): Promise<number> => {
    const answer = await sdk.get({ path: '/channels', params: {} });
    const body = (await answer.json()) as { channels: Readonly<Record<string, unknown>> }; // what the API under test answers
    return Object.keys(body.channels).length;
  };
  while ((await occupied()) < crowd * perClient + 1) await pause(100);
  const from = performance.now();
  await cluster.edges[0]?.kill();
  while ((await occupied()) !== 1) await pause(50);
  process.stdout.write(
    `edge with ${crowd * perClient} channels killed: counts exact after ${((performance.now() - from) / 1000).toFixed(1)} s\n`,
  );
}

async function webhooks(): Promise<void> {
  let events = 0;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      events += (JSON.parse(body) as { events: readonly unknown[] }).events.length; // what the worker under test sends
      response.end();
    });
  });
  const port = await freePort();
  receiver.listen(port, '127.0.0.1');
  await once(receiver, 'listening');
  await using cluster = await startCluster({
    edges: 1,
    apis: 0,
    workers: 1,
    env: { WEBHOOK_URL: `http://127.0.0.1:${port}/` },
  });
  // Behind the grace period of a new store.
  await pause(8_000);
  const perClient = 900;
  const crowd = Math.ceil(channels / perClient);
  const clients: Client[] = [];
  while (clients.length < crowd) clients.push(await openClient(cluster, 0));
  const from = performance.now();
  for (const [index, client] of clients.entries())
    for (let own = 0; own < perClient; own += 1) subscribe(cluster, client, `room-${index}-${own}`);
  await eventually(
    async () => events >= crowd * perClient,
    () => `${events} of ${crowd * perClient} events were delivered`,
    120_000,
  );
  const seconds = (performance.now() - from) / 1000;
  process.stdout.write(
    `${events} channel_occupied delivered in ${seconds.toFixed(1)} s: ${(events / seconds).toFixed(0)} a second, one worker\n`,
  );
  receiver.close();
}
