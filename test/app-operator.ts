import assert from 'node:assert/strict';
import PusherServer from 'pusher';
import { WebSocket } from 'ws';
import type { Cluster } from './cluster.ts';
import { runFanfare } from './fanfare.ts';
import { PATIENCE_MS } from './sdk.ts';
import { within } from './support/deadline.ts';

/** Settings that name no app: a role that gets them has its apps from Redis. */
export const NO_APP = { APP_ID: '', APP_KEY: '', APP_SECRET: '' } as const;

export interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

/** Runs `fanfare apps` for a Redis, and fails unless it is done. */
export async function operate(redis: string, ...argv: readonly string[]): Promise<string> {
  const done = await runFanfare(['apps', ...argv], { env: { REDIS_URL: redis } });
  assert.equal(done.code, 0, done.text);
  return done.stdout;
}

export async function addApp(redis: string, ...argv: readonly string[]): Promise<Credentials> {
  return credentialsIn(await operate(redis, 'add', ...argv));
}

/** What was printed of an app's new key. */
export function credentialsIn(text: string): Credentials {
  const [, id = '', key = '', secret = ''] =
    /app (\d+) [^]*key +(\S+)\n +secret +(\S+)/.exec(text) ?? [];
  assert.ok(secret !== '', text);
  return { id, key, secret };
}

/** `in`, or the code with which an edge refuses the key. */
export async function answerOfEdge(
  cluster: Cluster,
  edge: number,
  key: string,
): Promise<'in' | number> {
  const socket = new WebSocket(
    `ws://127.0.0.1:${cluster.edges[edge]?.port ?? 0}/app/${key}?protocol=7`,
  );
  const first = new Promise<'in' | number>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString()) as { readonly data: unknown };
      const { data } = frame;
      const isError = typeof data === 'object' && data !== null && 'code' in data;
      resolve(isError ? Number(data.code) : 'in');
    });
  });
  try {
    return await within(first, PATIENCE_MS, () => `edge ${edge} said nothing`);
  } finally {
    socket.terminate();
  }
}

/** The status with which an api answers a trigger. */
export async function statusOfApi(
  cluster: Cluster,
  { id, key, secret }: Credentials,
  data: unknown = {},
): Promise<number> {
  const port = String(cluster.apis[0]?.port);
  const sdk = new PusherServer({ appId: id, key, secret, host: '127.0.0.1', port, useTLS: false });
  try {
    return (await sdk.trigger('news', 'happened', data)).status;
  } catch (error) {
    if (error instanceof PusherServer.RequestError && error.status !== undefined)
      return error.status;
    throw error;
  }
}
