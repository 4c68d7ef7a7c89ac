import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { within } from './inbox.ts';

/** A redis-server of the test's own: own port, nothing on disk, gone with the scope. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** A plain connection for looking at what is stored; closed with the server. */
  readonly client: Redis;
  /** Kills it and starts an empty one on the same port. */
  restart(): Promise<void>;
  /** Stopped like a machine without time: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
}

export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  let child = await spawnRedis(port, settings);
  const client = new Redis(port, '127.0.0.1');
  client.on('error', () => {
    // Some tests take the server away; commands fail by themselves.
  });
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client,
    async restart() {
      await kill(child);
      child = await spawnRedis(port, settings);
    },
    freeze() {
      child.kill('SIGSTOP');
    },
    thaw() {
      child.kill('SIGCONT');
    },
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await kill(child);
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function spawnRedis(port: number, settings: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...settings],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error('redis-server did not start; is it installed?', { cause }));
    });
    child.once('exit', (code) => {
      reject(new Error(`redis-server ended with ${code} before it was ready`));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Ready to accept connections')) resolve();
    });
  });
  await within(ready, 'redis-server was not ready in time');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** One node that holds all slots of a cluster of its own. */
export async function startClusterNode(): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'fanfare-'));
  const node = await startRedis(
    ...['--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no', '--dir', directory],
  );
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
  while (!String(await client.cluster('INFO')).includes('cluster_state:ok')) await nextTurn();
}
