/**
 * How soon a change of an app has reached four edges, and whom it disturbs: an app is disabled again
 * and again, and each time the closes of its sockets on all four edges are waited for; then apps are
 * added, and each is tried on all four until it is let in. Meanwhile sockets of another app count
 * whatever they get and did not ask for.
 *
 *     npm run bench -- apps [--changes 100] [--others 400]
 */
import { parseArgs } from 'node:util';
import { openRedisAppStore } from '@fanfare/redis';
import { addApp, enableApp, type NewApp } from '../../packages/fanfare/src/app-edits.ts';
import { editApps } from '../../packages/fanfare/src/app-store.ts';
import { answerOfEdge, NO_APP } from '../app-operator.ts';
import { startCluster } from '../cluster.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';
import { startRedis } from '../support/redis-server.ts';

const EDGES = [0, 1, 2, 3] as const;

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '100' },
    others: { type: 'string', default: '400' },
  },
});
const [changes, others] = [Number(values.changes), Number(values.others)];

const redis = await startRedis();
const quiet = { info() {}, warn() {}, error() {} };
const store = await openRedisAppStore({ url: redis.url, connectionName: 'bench', log: quiet });
const cluster = await startCluster({ edges: EDGES.length, apis: 0, redis: redis.url, env: NO_APP });

function newApp(id: string): NewApp {
  const pair = { key: `key-${id}`, secret: `secret-${id}` };
  return { newId: () => id, pair, isSecretNew: true, assignments: [] };
}

function open(edge: number, id: string): Promise<RawSocket> {
  const port = cluster.edges[edge]?.port ?? 0;
  return openRawSocket(`ws://127.0.0.1:${port}/app/key-${id}?protocol=7`);
}

/** Milliseconds until every edge lets the app in. */
async function untilLetIn(id: string, fromMs: number): Promise<number> {
  await Promise.all(
    EDGES.map(async (edge) => {
      while ((await answerOfEdge(cluster, edge, `key-${id}`)) !== 'in')
        if (performance.now() - fromMs > PATIENCE_MS) throw new Error(`edge ${edge} refuses ${id}`);
    }),
  );
  return performance.now() - fromMs;
}

await editApps(store, addApp(newApp('1')));
await editApps(store, addApp(newApp('2')));
await untilLetIn('2', performance.now());
const bystanders = await Promise.all(
  Array.from({ length: others }, (_, index) => open(index % EDGES.length, '2')),
);
for (const socket of bystanders) await socket.subscribe('news');

const disabled: number[] = [];
const codes = new Map<number, number>();
for (let change = 0; change < changes; change += 1) {
  await untilLetIn('1', performance.now());
  const sockets = await Promise.all(EDGES.map((edge) => open(edge, '1')));
  const from = performance.now();
  const done = editApps(store, enableApp('1', false));
  const closings = await within(
    Promise.all(sockets.map((socket) => socket.closed)),
    PATIENCE_MS,
    () => 'a socket of the disabled app stayed open',
  );
  disabled.push(performance.now() - from);
  for (const { code } of closings) codes.set(code, (codes.get(code) ?? 0) + 1);
  await done;
  await editApps(store, enableApp('1', true));
}

const added: number[] = [];
for (let change = 0; change < changes; change += 1) {
  const id = String(1_000 + change);
  const from = performance.now();
  await editApps(store, addApp(newApp(id)));
  added.push(await untilLetIn(id, from));
}

let disturbed = 0;
for (const socket of bystanders) {
  const isOpen = socket.transport.readyState === socket.transport.OPEN;
  if (!isOpen || (await socket.untilPong()).length > 0) disturbed += 1;
}

function percentile(figures: readonly number[], share: number): string {
  const ordered = figures.toSorted((a, b) => a - b);
  const at = Math.min(ordered.length - 1, Math.ceil(ordered.length * share) - 1);
  return (ordered[at] ?? Number.NaN).toFixed(1);
}

function report(what: string, figures: readonly number[]): void {
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(figures, share));
  process.stdout.write(
    `${what}: ${figures.length} changes, p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms\n`,
  );
}

report('disabled, until its sockets on four edges were closed', disabled);
report('added, until four edges let it in', added);
process.stdout.write(
  `close codes: ${[...codes].map(([code, count]) => `${code} × ${count}`).join(', ')}\n` +
    `unrelated sockets disturbed: ${disturbed} of ${others}, by ${3 * changes} changes\n`,
);
await cluster[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await redis[Symbol.asyncDispose]();
process.exit(0);
