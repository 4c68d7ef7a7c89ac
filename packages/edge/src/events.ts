import { exposeCounters, type Exposed, type Logger } from '@fanfare/core';
import type { CloseReason, SocketId } from '@fanfare/protocol';
import { Counter, Histogram, type Registry } from 'prom-client';
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
  exposeCounters(registry, counters, SERIES);
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

const SERIES: readonly Exposed<keyof EdgeCounters>[] = [
  { name: 'fanfare_connections', help: 'Open connections.', of: 'connections', type: 'gauge' },
  {
    name: 'fanfare_subscriptions',
    help: 'Subscriptions of open connections.',
    of: 'subscriptions',
    type: 'gauge',
  },
  {
    name: 'fanfare_channels',
    help: 'Channels that this edge listens to.',
    of: 'channels',
    type: 'gauge',
  },
  { name: 'fanfare_bus_up', help: '1 while the message bus delivers.', of: 'busUp', type: 'gauge' },
  {
    name: 'fanfare_frames_received_total',
    help: 'Frames from clients.',
    of: 'framesIn',
    type: 'total',
  },
  {
    name: 'fanfare_frame_bytes_received_total',
    help: 'Bytes of those frames.',
    of: 'frameBytesIn',
    type: 'total',
  },
  {
    name: 'fanfare_bus_events_total',
    help: 'Events from the bus for channels with subscribers here.',
    of: 'eventsIn',
    type: 'total',
  },
  {
    name: 'fanfare_events_delivered_total',
    help: 'Events handed to sockets, once per subscriber.',
    of: 'eventsOut',
    type: 'total',
  },
  {
    name: 'fanfare_event_bytes_delivered_total',
    help: 'Bytes of those events.',
    of: 'eventBytesOut',
    type: 'total',
  },
  {
    name: 'fanfare_client_events_total',
    help: 'Client events accepted.',
    of: 'clientEvents',
    type: 'total',
  },
  {
    name: 'fanfare_client_events_dropped_total',
    help: 'Client events refused or lost.',
    of: 'clientEventsDropped',
    type: 'total',
  },
  {
    name: 'fanfare_frames_dropped_total',
    help: 'Frames thrown away because their socket does not read; it is closed.',
    of: 'framesDropped',
    type: 'total',
  },
];
