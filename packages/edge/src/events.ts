import type { Logger } from '@fanfare/core';
import type { CloseReason, SocketId } from '@fanfare/protocol';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EdgeCounters } from './counters.ts';

/** Everything of an edge that is worth a log line or a metric, one function each. */
export interface EdgeEvents {
  listening(port: number): void;
  refused(reason: CloseReason): void;
  closing(id: SocketId, reason: CloseReason): void;
  subscribeWaited(ms: number): void;
  subscribeFailed(error: unknown): void;
  clientEventLost(error: unknown): void;
  busUp(up: boolean): void;
  draining(connections: number, seconds: number): void;
  defect(error: unknown): void;
}

export function createEdgeEvents(
  log: Logger,
  registry: Registry,
  counters: EdgeCounters,
): EdgeEvents {
  exposeCounters(registry, counters);
  const registers = [registry];
  const closed = new Counter({
    name: 'fanfare_connections_closed_total',
    help: 'Connections that the edge closed or refused, by close code.',
    labelNames: ['code'],
    registers,
  });
  const waited = new Histogram({
    name: 'fanfare_subscribe_wait_seconds',
    help: 'Time a first subscription to a channel waited for the bus.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  });
  const failures = new Counter({
    name: 'fanfare_subscribe_failures_total',
    help: 'First subscriptions to a channel that the bus did not complete in time.',
    registers,
  });
  const defects = new Counter({
    name: 'fanfare_defects_total',
    help: 'Exceptions that nothing expected. Each is a bug; please report it.',
    registers,
  });
  return {
    listening(port) {
      log.info({ port }, 'edge is listening');
    },
    refused(reason) {
      closed.inc({ code: reason.code });
      log.debug({ code: reason.code, reason: reason.message }, 'connection refused');
    },
    closing(id, reason) {
      closed.inc({ code: reason.code });
      log.debug({ socketId: id, code: reason.code }, 'closing connection');
    },
    subscribeWaited(ms) {
      waited.observe(ms / 1000);
    },
    subscribeFailed(error) {
      failures.inc();
      log.warn(
        { err: error },
        'subscription could not be completed; its client is told to reconnect',
      );
    },
    clientEventLost(error) {
      log.debug({ err: error }, 'client event was not taken by the bus');
    },
    busUp(up) {
      if (up) log.info('message bus is up');
      else log.warn('message bus is down; sockets stay open');
    },
    draining(connections, seconds) {
      log.info({ connections, seconds }, 'closing connections');
    },
    defect(error) {
      defects.inc();
      log.error({ err: error }, 'unexpected exception; the connection it happened on is closed');
    },
  };
}

/** Read when scraped: the hot path adds to plain numbers. */
function exposeCounters(registry: Registry, counters: EdgeCounters): void {
  const registers = [registry];
  for (const [name, help, of] of GAUGES) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers,
      collect: () => gauge.set(counters[of]),
    });
  }
  for (const [name, help, of] of TOTALS) {
    const collect = (): void => {
      total.reset();
      total.inc(counters[of]);
    };
    const total: Counter = new Counter({ name, help, registers, collect });
  }
}

type Exposed = readonly [name: string, help: string, of: keyof EdgeCounters];

const GAUGES: readonly Exposed[] = [
  ['fanfare_connections', 'Open connections.', 'connections'],
  ['fanfare_subscriptions', 'Subscriptions of open connections.', 'subscriptions'],
  ['fanfare_channels', 'Channels that this edge listens to.', 'channels'],
  ['fanfare_bus_up', '1 while the message bus delivers.', 'busUp'],
];

const TOTALS: readonly Exposed[] = [
  ['fanfare_frames_received_total', 'Frames from clients.', 'framesIn'],
  ['fanfare_frame_bytes_received_total', 'Bytes of those frames.', 'frameBytesIn'],
  [
    'fanfare_bus_events_total',
    'Events from the bus for channels with subscribers here.',
    'eventsIn',
  ],
  ['fanfare_events_delivered_total', 'Events handed to sockets, once per subscriber.', 'eventsOut'],
  ['fanfare_event_bytes_delivered_total', 'Bytes of those events.', 'eventBytesOut'],
  ['fanfare_client_events_total', 'Client events accepted.', 'clientEvents'],
  ['fanfare_client_events_dropped_total', 'Client events refused or lost.', 'clientEventsDropped'],
  [
    'fanfare_frames_dropped_total',
    'Frames thrown away because their socket does not read; it is closed.',
    'framesDropped',
  ],
];
