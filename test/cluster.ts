import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PusherServer from 'pusher';
import { startFanfare, type Fanfare } from './fanfare.ts';
import { PROCESS_PATIENCE_MS, PusherJsClass, type PusherJs, type PusherJsOptions } from './sdk.ts';
import { within } from './support/deadline.ts';
import { freePort } from './support/free-port.ts';
import { startRedis } from './support/redis-server.ts';

export interface ClusterOptions {
  readonly edges: number;
  readonly apis: number;
  /** Processes that deliver webhooks; none unless given. */
  readonly workers?: number;
  /** Settings of the app beside its id and key, as an `APPS_FILE` has them. */
  readonly app?: Readonly<Record<string, unknown>>;
  /** For every process, beside what joins them. */
  readonly env?: Readonly<Record<string, string>>;
  /** For one process alone, on top of that; those of a role are numbered from 0. */
  readonly envOf?: (role: Role, index: number) => Readonly<Record<string, string>>;
  /** URL of a Redis that the test has started itself; without it the cluster has its own. */
  readonly redis?: string;
}

/** One process of the cluster. */
export interface Member {
  readonly port: number;
  readonly opsUrl: string;
  /** The process as it is now: `restartEdge` puts another in its place. */
  readonly process: Fanfare;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
}

/** One Redis, edges and API nodes as processes of their own, and one app; the SDKs are the real ones. */
export interface Cluster extends AsyncDisposable {
  readonly app: { readonly id: string; readonly key: string; readonly secret: string };
  readonly edges: readonly Member[];
  readonly apis: readonly Member[];
  /** They listen for operations only. */
  readonly workers: readonly Omit<Member, 'port'>[];
  edgeUrl(edge: number): string;
  apiUrl(api: number): string;
  /** A pusher-js of its own; private channels are signed as the backend of the app would. */
  pusherJs(edge: number, options?: PusherJsOptions, key?: string): PusherJs;
  serverSdk(
    api: number,
    options?: { readonly secret?: string; readonly app?: Cluster['app'] },
  ): PusherServer;
  /** Stops an edge by SIGTERM and starts it again on its ports. */
  restartEdge(edge: number): Promise<void>;
  /** The same with a worker, also with one that was killed. */
  restartWorker(worker: number): Promise<void>;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const app = {
    id: '1001',
    key: `key-${randomBytes(6).toString('hex')}`,
    secret: randomBytes(16).toString('hex'),
  };
  /** Closed in the reverse order of opening. */
  const opened: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last();
  };
  try {
    const redis = options.redis ?? (await openRedis(opened));
    const env = {
      REDIS_URL: redis,
      ...(await appSettings(app, options.app, opened)),
      ...options.env,
    };
    const members = async (role: Role, count: number): Promise<readonly Joined[]> =>
      Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const own = options.envOf?.(role, index);
          const member = await prepareMember(role, { ...env, ...own });
          opened.push(async () => member.process[Symbol.asyncDispose]());
          await member.ready();
          return member;
        }),
      );
    const [edges, apis, workers] = await Promise.all([
      members('edge', options.edges),
      members('api', options.apis),
      members('webhooks', options.workers ?? 0),
    ]);
    const sdks = createSdks(app, edges, apis);
    opened.push(async () => sdks.close());
    return {
      app,
      edges,
      apis,
      workers,
      ...sdks,
      restartEdge: (edge) => at(edges, edge).restart(),
      restartWorker: (worker) => at(workers, worker).restart(),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openRedis(opened: (() => Promise<unknown>)[]): Promise<string> {
  const server = await startRedis();
  opened.push(async () => server[Symbol.asyncDispose]());
  return server.url;
}

/** One app as processes read it: by `APP_*`, or with settings of its own by a file. */
async function appSettings(
  app: Cluster['app'],
  settings: ClusterOptions['app'],
  opened: (() => Promise<unknown>)[],
): Promise<Readonly<Record<string, string>>> {
  const { id, key, secret } = app;
  if (settings === undefined) return { APP_ID: id, APP_KEY: key, APP_SECRET: secret };
  const directory = await mkdtemp(join(tmpdir(), 'fanfare-apps-'));
  opened.push(async () => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'apps.json');
  await writeFile(file, JSON.stringify({ apps: [{ id, keys: [{ key, secret }], ...settings }] }));
  return { APPS_FILE: file };
}

type Role = 'edge' | 'api' | 'webhooks';

interface Joined extends Member {
  /** Resolves once `/readyz` says so. */
  ready(): Promise<void>;
  restart(): Promise<void>;
}

async function prepareMember(
  role: Role,
  shared: Readonly<Record<string, string>>,
): Promise<Joined> {
  const [port, opsPort] = [await freePort(), await freePort()];
  const ports = { EDGE_PORT: String(port), API_PORT: String(port), OPS_PORT: String(opsPort) };
  const hosts = { EDGE_HOST: '127.0.0.1', API_HOST: '127.0.0.1', OPS_HOST: '127.0.0.1' };
  const env = { ...hosts, ...ports, ...shared };
  const opsUrl = `http://127.0.0.1:${opsPort}`;
  let running = startFanfare([role], { env });
  const ready = async (): Promise<void> => {
    // It is the last that a process says before it is ready; from then on the answer stands.
    await running.says(/"msg":"started"/);
    await within(
      isReady(opsUrl),
      PROCESS_PATIENCE_MS,
      () => `${role} is not ready:\n${running.output()}`,
    );
  };
  return {
    port,
    opsUrl,
    get process() {
      return running;
    },
    ready,
    async restart() {
      running.signal('SIGTERM');
      await running.exited();
      running = startFanfare([role], { env });
      await ready();
    },
    async kill() {
      running.signal('SIGKILL');
      await running.exited();
    },
  };
}

async function isReady(opsUrl: string): Promise<void> {
  for (;;) {
    const { status } = await fetch(`${opsUrl}/readyz`);
    if (status === 200) return;
  }
}

type Sdks = Pick<Cluster, 'edgeUrl' | 'apiUrl' | 'pusherJs' | 'serverSdk'> & { close(): void };

function createSdks(app: Cluster['app'], edges: readonly Member[], apis: readonly Member[]): Sdks {
  // Without it the SDK opens a connection for every trigger.
  const agent = new Agent({ keepAlive: true });
  const clients: PusherJs[] = [];
  const encryptionMasterKeyBase64 = randomBytes(32).toString('base64');
  const serverSdk: Sdks['serverSdk'] = (api, options = {}) =>
    new PusherServer({
      appId: (options.app ?? app).id,
      key: (options.app ?? app).key,
      secret: options.secret ?? (options.app ?? app).secret,
      host: '127.0.0.1',
      port: String(at(apis, api).port),
      useTLS: false,
      agent,
      encryptionMasterKeyBase64,
    });
  return {
    edgeUrl: (edge) => `ws://127.0.0.1:${at(edges, edge).port}/app/${app.key}?protocol=7`,
    apiUrl: (api) => `http://127.0.0.1:${at(apis, api).port}`,
    serverSdk,
    pusherJs(edge, options = {}, key = app.key) {
      const backend = serverSdk(0);
      const client = new PusherJsClass(key, {
        cluster: 'fanfare',
        wsHost: '127.0.0.1',
        wsPort: at(edges, edge).port,
        forceTLS: false,
        enabledTransports: ['ws'],
        channelAuthorization: {
          customHandler: ({ socketId, channelName }, callback) =>
            callback(null, backend.authorizeChannel(socketId, channelName)),
        },
        ...options,
      });
      clients.push(client);
      return client;
    },
    close() {
      for (const client of clients) client.disconnect();
      agent.destroy();
    },
  };
}

/** The value of a series that a process exposes now. */
export async function metric(
  member: Pick<Member, 'opsUrl'> | undefined,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  if (member === undefined) throw new Error('there is no such process');
  const text = await (await fetch(`${member.opsUrl}/metrics`)).text();
  return sample(text, name, labels);
}

/** The value of the one series with the name and, among others, these labels. */
export function sample(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const found = text
    .split('\n')
    .map((line) => /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line))
    .filter((match) => match?.[1] === name)
    .filter((match) => wanted.every((pair) => match?.[2]?.split(',').includes(pair) === true));
  if (found.length !== 1)
    throw new Error(`${found.length} series ${name}{${wanted.join()}} in:\n${text}`);
  return Number(found[0]?.[3]);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no number ${index}`);
  return item;
}
