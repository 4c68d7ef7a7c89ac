import type { BusCounters } from '@fanfare/redis';
import { Counter, Gauge, type Registry } from 'prom-client';

type Exposed = readonly [name: string, help: string, of: keyof BusCounters];

const TOTALS: readonly Exposed[] = [
  ['fanfare_redis_published_total', 'Messages that Redis has taken.', 'published'],
  ['fanfare_redis_published_bytes_total', 'Bytes of their frames.', 'publishedBytes'],
  [
    'fanfare_redis_publish_retries_total',
    'Messages sent once more after a lost reply.',
    'publishRetries',
  ],
  ['fanfare_redis_publish_failures_total', 'Messages that Redis did not take.', 'publishFailures'],
  ['fanfare_redis_received_total', 'Messages that came from Redis.', 'received'],
  ['fanfare_redis_received_bytes_total', 'Bytes of their frames.', 'receivedBytes'],
  ['fanfare_redis_foreign_total', 'Bytes on our topics that were no message of ours.', 'foreign'],
  ['fanfare_redis_command_link_lost_total', 'Lost connections for commands.', 'commandLinkLost'],
  [
    'fanfare_redis_subscriber_link_lost_total',
    'Lost connections for subscriptions; what was published meanwhile is missing here.',
    'subscriberLinkLost',
  ],
];

const GAUGES: readonly Exposed[] = [
  ['fanfare_redis_topics', 'Topics that somebody here wants.', 'topics'],
  [
    'fanfare_redis_topics_lingering',
    'Topics that nobody wants any more and that are let go soon.',
    'topicsLingering',
  ],
];

/** Read when scraped, so that the receive path only adds to plain numbers. */
export function exposeBusCounters(registry: Registry, counters: BusCounters): void {
  const registers = [registry];
  for (const [name, help, of] of TOTALS) {
    const collect = (): void => {
      total.reset();
      total.inc(counters[of]);
    };
    const total: Counter = new Counter({ name, help, registers, collect });
  }
  for (const [name, help, of] of GAUGES) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers,
      collect: () => gauge.set(counters[of]),
    });
  }
}
