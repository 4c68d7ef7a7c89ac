/**
 * CPU of the server process per delivered message: one channel, many subscribers, a Fanfare edge
 * beside a bare uWebSockets.js server in the same run, alternating, both fed at the same rate with
 * the same bytes per event and the same number of publishes per turn of the loop. The edge gets its
 * events through a real Redis; the bare server publishes by itself.
 *
 *     npm run bench -- fan-out [--subscribers 1000] [--rounds 5] [--seconds 4] [--bytes 150]
 */
import { parseArgs } from 'node:util';
import { startCluster } from '../cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { startChild, type Child } from './children.ts';
import { turnsOf, writeOrder, type Order } from './feed.ts';
import { cpuSeconds, median } from './process-cpu.ts';
import { openRawClient, type RawClient } from './raw-client.ts';

const { values } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    bytes: { type: 'string', default: '150' },
  },
});
const subscribers = Number(values.subscribers);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const bytes = Number(values.bytes);

/** Publishes per turn and per second: what one core of a load generator can still receive. */
const shapes = [
  { burst: 1, perSecond: 50 },
  { burst: 10, perSecond: 200 },
] as const;

interface Side {
  readonly name: string;
  /** The process whose CPU counts. */
  readonly pid: number;
  /** The process that publishes on order. */
  readonly feeder: Child;
  readonly received: () => number;
}

const tsx = ['--conditions=source', '--import', 'tsx'];
await using redis = await startRedis();
await using cluster = await startCluster({ edges: 1, apis: 0, redis: redis.url });
const [edge] = cluster.edges;
if (edge === undefined) throw new Error('there is no edge');
await using bare = startChild(process.execPath, [...tsx, 'test/bench/bare-server.ts']);
const [, barePort = ''] = await bare.line(/^port (\d+)$/);
const feederArguments = ['test/bench/redis-feeder.ts', redis.url, cluster.app.id];
await using feeder = startChild(process.execPath, [...tsx, ...feederArguments]);
await feeder.line(/^ready$/);

const sides: readonly Side[] = [
  {
    name: 'fanfare',
    pid: edge.process.pid,
    feeder,
    received: await subscribe(new URL(cluster.edgeUrl(0))),
  },
  {
    name: 'bare',
    pid: bare.pid,
    feeder: bare,
    received: await subscribe(new URL(`ws://127.0.0.1:${barePort}/app/bare`)),
  },
];
process.stdout.write(
  `${subscribers} subscribers, ${bytes} bytes of data, ${seconds} s a round, ${rounds} rounds\n`,
);
for (const { burst, perSecond } of shapes) {
  const costs = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) {
      const cost = await measure(side, { burst, perSecond, seconds, bytes });
      costs[index]?.push(cost);
      process.stdout.write(
        `  burst ${burst} round ${round + 1} ${side.name}: ${cost.toFixed(3)} µs per delivered message\n`,
      );
    }
  }
  const [ours, theirs] = costs.map(median);
  process.stdout.write(
    `burst ${burst}, ${perSecond} events/s: fanfare ${ours?.toFixed(3)} µs, bare ${theirs?.toFixed(3)} µs, ratio ${((ours ?? 0) / (theirs ?? 1)).toFixed(3)}\n`,
  );
}
process.exit(0);

async function measure({ name, pid, feeder: by, received }: Side, order: Order): Promise<number> {
  const expected = turnsOf(order) * order.burst * subscribers;
  const receivedBefore = received();
  const before = cpuSeconds(pid);
  const done = by.line(/^done$/);
  by.process.stdin?.write(writeOrder(order));
  await done;
  const deadline = Date.now() + 20_000;
  while (received() - receivedBefore < expected && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const used = cpuSeconds(pid) - before;
  const arrived = received() - receivedBefore;
  if (arrived !== expected)
    throw new Error(`${name}: ${arrived} of ${expected} arrived\n${await stateOfEdge()}`);
  return (used / arrived) * 1e6;
}

/** What the edge says of itself, for a run that went wrong. */
async function stateOfEdge(): Promise<string> {
  const metrics = await (await fetch(`${edge?.opsUrl}/metrics`)).text();
  const ours = metrics.split('\n').filter((line) => line.startsWith('fanfare_'));
  return `${edge?.process.output()}\n${ours.join('\n')}`;
}

/** Opens all subscribers; the result counts the events that any of them received. */
async function subscribe(url: URL): Promise<() => number> {
  let events = 0;
  let subscribed = 0;
  const clients: RawClient[] = [];
  for (let index = 0; index < subscribers; index += 1) {
    const client = await openRawClient(url, (payload) => {
      // Every frame but an event names itself by its twelfth byte: {"event":"p…
      if (payload[10] !== 0x70) events += 1;
      else if (payload.includes('subscription_succeeded')) subscribed += 1;
    });
    client.send('{"event":"pusher:subscribe","data":{"channel":"bench"}}');
    clients.push(client);
  }
  while (subscribed < clients.length) await new Promise((resolve) => setTimeout(resolve, 20));
  return () => events;
}
