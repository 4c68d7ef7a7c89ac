/**
 * CPU of the server process per delivered message: one channel, many subscribers, a Fanfare edge
 * beside a bare uWebSockets.js server in the same run, alternating, both fed at the same rate with
 * the same bytes per event and the same number of publishes per turn of the loop. The edge gets its
 * events through a real Redis; the bare server publishes by itself.
 *
 *     npm run bench -- fan-out [--subscribers 1000] [--rounds 5] [--seconds 4] [--bytes 150]
 */
import { parseArgs } from 'node:util';
import { openRedisPublisher } from '@fanfare/redis';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { createLogger } from '@fanfare/core';
import { startCluster } from '../cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { benchFrame } from './bench-frame.ts';
import { startChild, type Child } from './children.ts';
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
  readonly pid: number;
  /** Publishes `perSecond` events a second for the run's time, `burst` at once. */
  feed(burst: number, perSecond: number): Promise<void>;
  readonly received: () => number;
}

await using redis = await startRedis();
await using cluster = await startCluster({ edges: 1, apis: 0, redis: redis.url });
await using bare = startChild(process.execPath, ['--import', 'tsx', 'test/bench/bare-server.ts']);
const [, barePort = ''] = await bare.line(/^port (\d+)$/);

const sides = [await fanfareSide(), await bareSide(bare)];
process.stdout.write(
  `${subscribers} subscribers, ${bytes} bytes of data, ${seconds} s a round, ${rounds} rounds\n`,
);
for (const { burst, perSecond } of shapes) {
  const costs = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) {
      const cost = await measure(side, burst, perSecond);
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

async function measure(side: Side, burst: number, perSecond: number): Promise<number> {
  const expected = Math.round((perSecond / burst) * seconds) * burst * subscribers;
  const receivedBefore = side.received();
  const before = cpuSeconds(side.pid);
  await side.feed(burst, perSecond);
  const deadline = Date.now() + 10_000;
  while (side.received() - receivedBefore < expected && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const used = cpuSeconds(side.pid) - before;
  const received = side.received() - receivedBefore;
  if (received !== expected)
    throw new Error(`${side.name}: ${received} of ${expected} messages arrived`);
  return (used / received) * 1e6;
}

async function fanfareSide(): Promise<Side> {
  const [edge] = cluster.edges;
  const counter = await subscribe(new URL(cluster.edgeUrl(0)));
  const publisher = await openRedisPublisher({
    url: redis.url,
    connectionName: 'bench',
    log: createLogger('bench', 'warn'),
  });
  const app = parseAppId(cluster.app.id);
  const name = parseChannelName('bench');
  if (edge === undefined || app === undefined || name === undefined)
    throw new Error('there is no edge, or the names of the benchmark are none');
  const channel = channelKey(app, name);
  const frame = benchFrame(bytes);
  let id = 0;
  return {
    name: 'fanfare',
    pid: edge.process.pid,
    received: counter,
    feed: async (burst, perSecond) =>
      every((1000 * burst) / perSecond, Math.round((perSecond / burst) * seconds), () => {
        const messages = Array.from({ length: burst }, () => {
          id += 1;
          return { channel, frame, except: null, id: `m${id}`, recorded: true, once: false };
        });
        void publisher.publish(messages);
      }),
  };
}

async function bareSide(child: Child): Promise<Side> {
  return {
    name: 'bare',
    pid: child.pid,
    received: await subscribe(new URL(`ws://127.0.0.1:${barePort}/app/bare`)),
    async feed(burst, perSecond) {
      const done = child.line(/^done$/);
      child.process.stdin?.write(`${burst} ${perSecond} ${seconds} ${bytes}\n`);
      await done;
    },
  };
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

async function every(ms: number, times: number, act: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    let left = times;
    const timer = setInterval(() => {
      act();
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      resolve();
    }, ms);
  });
}
