import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { kill, spawnServer, startRedis, startRedisAt, type RedisServer } from './redis-server.ts';

/** Two Redis servers, one of them the other's replica, and three sentinels that watch over them. */
export interface SentinelSet extends AsyncDisposable {
  /** As a `REDIS_URL` names it. */
  readonly url: string;
  /** By the word of the sentinels. */
  master(): Promise<RedisServer>;
  /** Starts a server that was killed again, as a replica of the master there is. */
  revive(server: RedisServer): Promise<void>;
  /** Has the sentinels make the replica the master, and does not wait for it. */
  failover(): Promise<void>;
  /** Waits until the server is not the master, by the word of all sentinels. */
  untilReplaced(server: RedisServer): Promise<void>;
  /** Waits until the sentinels could fail over: the replica is in step, and they know of it and of each other. */
  untilSteady(): Promise<void>;
}

const MASTER_NAME = 'fanfare-main';
/** They look at servers and tell each other ten times as often as they do by themselves. */
const HASTE = ['info-period', '1000', 'publish-period', '200'];
/** Silence after which a sentinel takes a server for dead. */
const DOWN_AFTER_MS = 1_000;
const QUORUM = 2;
const PATIENCE_MS = 40_000;
const POLL_MS = 50;

export async function startSentinels(): Promise<SentinelSet> {
  const directory = await mkdtemp(join(tmpdir(), 'fanfare-sentinels-'));
  const servers = new Map<number, RedisServer>();
  /** Closed in the reverse order of opening. */
  const opened = [async () => rm(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last();
  };
  try {
    const first = await startRedis(...SWIFT);
    servers.set(first.port, first);
    const second = await startRedis(...SWIFT, ...replicaOf(first.port));
    servers.set(second.port, second);
    const sentinels: number[] = [];
    for (const name of ['a', 'b', 'c']) {
      const port = await freePort();
      const file = join(directory, `${name}.conf`);
      await writeFile(file, sentinelSettings(port, first.port));
      const child = await spawnServer([file, '--sentinel'], '+monitor master');
      opened.push(async () => kill(child));
      await ask(port, 'DEBUG', ...HASTE);
      sentinels.push(port);
    }
    return { ...openSet(sentinels, servers), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function openSet(
  sentinels: readonly number[],
  servers: Map<number, RedisServer>,
): Omit<SentinelSet, keyof AsyncDisposable> {
  const [first = 0] = sentinels;
  const master = async (): Promise<RedisServer> => {
    const server = servers.get(await masterOf(first));
    if (server === undefined) throw new Error('the sentinels name a server that is not ours');
    return server;
  };
  return {
    url: `redis+sentinel://${sentinels.map((port) => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`,
    master,
    async revive({ port }) {
      const settings = [...SWIFT, ...replicaOf((await master()).port)];
      servers.set(port, await startRedisAt(port, ...settings));
    },
    failover: async () => void (await ask(first, 'FAILOVER', MASTER_NAME)),
    untilReplaced: async ({ port }) =>
      until(
        async () => {
          const masters = await Promise.all(sentinels.map(masterOf));
          return !masters.includes(port);
        },
        () => 'no other server has become the master',
      ),
    async untilSteady() {
      let why = '';
      await until(
        async () => {
          why = (await Promise.all(sentinels.map(unsteady))).join('');
          return why === '';
        },
        () => `the sentinels are not ready to fail over: ${why}`,
      );
    },
  };
}

/** A replica is in step soon, and writes nothing to disk: another server would find it there. */
const SWIFT = ['--repl-diskless-sync-delay', '0', '--repl-diskless-load', 'swapdb'];

function replicaOf(port: number): readonly string[] {
  return ['--replicaof', `127.0.0.1 ${port}`];
}

function sentinelSettings(port: number, master: number): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 4000`,
    '',
  ].join('\n');
}

async function masterOf(sentinel: number): Promise<number> {
  const [, port] = (await ask(sentinel, 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as string[];
  return Number(port);
}

/** What is missing, or nothing. */
async function unsteady(sentinel: number): Promise<string> {
  const about = fieldsOf(await ask(sentinel, 'MASTER', MASTER_NAME));
  const known = `${about.get('flags')} with ${about.get('num-other-sentinels')} others`;
  if (known !== 'master with 2 others') return `${sentinel} sees a ${known}; `;
  const [replica, ...more] = (await ask(sentinel, 'REPLICAS', MASTER_NAME)) as unknown[];
  if (replica === undefined || more.length > 0) return `${sentinel} sees not one replica; `;
  const fields = fieldsOf(replica);
  const state = `${fields.get('flags')} ${fields.get('master-link-status')} of ${fields.get('master-port')}`;
  return state === `slave ok of ${about.get('port')}` ? '' : `${sentinel} sees a ${state}; `;
}

function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const list = reply as readonly string[];
  return new Map(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1] ?? '']] : [])));
}

async function ask(sentinel: number, ...words: readonly string[]): Promise<unknown> {
  const client = new Redis(sentinel, '127.0.0.1', { protocol: 2, enableReadyCheck: false });
  try {
    return await client.call('SENTINEL', ...words);
  } finally {
    client.disconnect();
  }
}

async function until(isSo: () => Promise<boolean>, why: () => string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${PATIENCE_MS} ms: ${why()}`);
    await pause(POLL_MS);
  }
}
