/**
 * Lost, duplicated and reordered deliveries in steady state: two edges, one API node, a real Redis;
 * every subscriber checks the sequence number of every event. Triggers go through the HTTP API,
 * single ones and batches mixed, from several publishers at once, each with channels of its own.
 *
 *     npm run bench -- audit [--deliveries 1000000] [--subscribers 40] [--channels 8]
 */
import { parseArgs } from 'node:util';
import { startCluster } from '../cluster.ts';
import { openRawClient } from './raw-client.ts';

const { values } = parseArgs({
  options: {
    deliveries: { type: 'string', default: '1000000' },
    subscribers: { type: 'string', default: '40' },
    channels: { type: 'string', default: '8' },
  },
});
const perChannel = Number(values.subscribers);
const channels = Array.from({ length: Number(values.channels) }, (_, index) => `audit-${index}`);
const eventsPerChannel = Math.ceil(Number(values.deliveries) / perChannel / channels.length);

await using cluster = await startCluster({ edges: 2, apis: 1 });

const audit = { delivered: 0, lost: 0, duplicated: 0, reordered: 0 };
const total = eventsPerChannel * perChannel * channels.length;
let subscribed = 0;
for (const channel of channels) {
  for (let index = 0; index < perChannel; index += 1) await openAuditor(channel, index % 2);
}
while (subscribed < perChannel * channels.length)
  await new Promise((resolve) => setTimeout(resolve, 10));

process.stdout.write(
  `${channels.length} channels x ${perChannel} subscribers on two edges, ${eventsPerChannel} events each\n`,
);
const startedMs = performance.now();
await Promise.all(channels.map(publish));
const deadline = Date.now() + 30_000;
while (audit.delivered < total && Date.now() < deadline)
  await new Promise((resolve) => setTimeout(resolve, 20));
audit.lost += total - audit.delivered + audit.duplicated;
const seconds = (performance.now() - startedMs) / 1000;
process.stdout.write(
  `${audit.delivered} deliveries in ${seconds.toFixed(1)} s: lost ${audit.lost}, duplicated ${audit.duplicated}, reordered ${audit.reordered}\n`,
);
process.exit(audit.lost + audit.duplicated + audit.reordered === 0 ? 0 : 1);

async function openAuditor(channel: string, edge: number): Promise<void> {
  let next = 0;
  const seen = new Set<number>();
  const client = await openRawClient(new URL(cluster.edgeUrl(edge)), (payload) => {
    const frame = JSON.parse(payload.toString('utf8')) as {
      event: string;
      channel?: string;
      data: string;
    }; // what the server under test sends
    if (frame.event === 'pusher_internal:subscription_succeeded') subscribed += 1;
    if (frame.event !== 'numbered') return;
    const number = Number(frame.data);
    audit.delivered += 1;
    if (frame.channel !== channel)
      throw new Error(`an event of ${frame.channel} reached ${channel}`);
    if (seen.has(number)) audit.duplicated += 1;
    else if (number < next) audit.reordered += 1;
    seen.add(number);
    next = Math.max(next, number + 1);
  });
  client.send(JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
}

/** One publisher: its events in order, singly and in batches of two to ten. */
async function publish(channel: string): Promise<void> {
  const pusher = cluster.serverSdk(0);
  for (let number = 0; number < eventsPerChannel;) {
    const size = Math.min((number % 10) + 1, eventsPerChannel - number);
    const batch = Array.from({ length: size }, (_, index) => ({
      channel,
      name: 'numbered',
      data: String(number + index),
    }));
    const [first] = batch;
    if (size === 1 && first !== undefined) await pusher.trigger(channel, first.name, first.data);
    else await pusher.triggerBatch(batch);
    number += size;
  }
}
