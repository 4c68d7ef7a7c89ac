import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../../test/support/free-port.ts';
import * as support from '../../../test/support/redis-server.ts';
import { within } from './inbox.ts';

export interface RedisServer extends support.RedisServer {
  /** A plain connection for looking at what is stored; closed with the server. */
  readonly client: Redis;
}

export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  return startRedisAt(await freePort(), ...settings);
}

export async function startRedisAt(
  port: number,
  ...settings: readonly string[]
): Promise<RedisServer> {
  const server = await support.startRedisAt(port, ...settings);
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => {
    // Some tests take the server away; commands fail by themselves.
  });
  return {
    ...server,
    client,
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One node that holds all slots of a cluster of its own. */
export async function startClusterNode(): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'fanfare-'));
  const settings = ['--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no'];
  const node = await startRedis(...settings, '--dir', directory);
  await node.client.cluster('ADDSLOTSRANGE', 0, 16_383);
  await within(clusterIsUp(node.client), 'the cluster node did not take its slots');
  return {
    ...node,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

async function clusterIsUp(client: Redis): Promise<void> {
  while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await nextTurn();
}
