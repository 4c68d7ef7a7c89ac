import { exposeCounters, type Exposed } from '@fanfare/core';
import type { BusCounters } from '@fanfare/redis';
import type { Registry } from 'prom-client';

const SERIES: readonly Exposed<keyof BusCounters>[] = [
  {
    name: 'fanfare_redis_published_total',
    help: 'Messages that Redis has taken.',
    of: 'published',
    type: 'total',
  },
  {
    name: 'fanfare_redis_published_bytes_total',
    help: 'Bytes of their frames.',
    of: 'publishedBytes',
    type: 'total',
  },
  {
    name: 'fanfare_redis_publish_retries_total',
    help: 'Messages sent once more after a lost reply.',
    of: 'publishRetries',
    type: 'total',
  },
  {
    name: 'fanfare_redis_publish_failures_total',
    help: 'Messages that Redis did not take.',
    of: 'publishFailures',
    type: 'total',
  },
  {
    name: 'fanfare_redis_received_total',
    help: 'Messages that came from Redis.',
    of: 'received',
    type: 'total',
  },
  {
    name: 'fanfare_redis_received_bytes_total',
    help: 'Bytes of their frames.',
    of: 'receivedBytes',
    type: 'total',
  },
  {
    name: 'fanfare_redis_foreign_total',
    help: 'Bytes on our topics that were no message of ours.',
    of: 'foreign',
    type: 'total',
  },
  {
    name: 'fanfare_redis_command_link_lost_total',
    help: 'Lost connections for commands.',
    of: 'commandLinkLost',
    type: 'total',
  },
  {
    name: 'fanfare_redis_subscriber_link_lost_total',
    help: 'Lost connections for subscriptions; what was published meanwhile is missing here.',
    of: 'subscriberLinkLost',
    type: 'total',
  },
  {
    name: 'fanfare_redis_topics',
    help: 'Topics that somebody here wants.',
    of: 'topics',
    type: 'gauge',
  },
  {
    name: 'fanfare_redis_topics_lingering',
    help: 'Topics that nobody wants any more and that are let go soon.',
    of: 'topicsLingering',
    type: 'gauge',
  },
];

export function exposeBusCounters(registry: Registry, counters: BusCounters): void {
  exposeCounters(registry, counters, SERIES);
}
