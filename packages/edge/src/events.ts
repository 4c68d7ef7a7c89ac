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
  stateReported(shares: number, ms: number): void;
  /** A call to the state store came to nothing; it is made again. */
  stateFailed(error: unknown): void;
  stateFenced(partition: number): void;
  stateLost(partition: number): void;
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
    help: 'Time a subscription waited for the bus or for its place in a presence channel.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  });
  const failures = new Counter({
    name: 'fanfare_subscribe_failures_total',
    help: 'Subscriptions that the bus or the state store did not complete in time.',
    registers,
  });
  const state = createStateEvents(log, registry);
  const defects = new Counter({
    name: 'fanfare_defects_total',
    help: 'Exceptions that nothing expected. Each is a bug; please report it.',
    registers,
  });
  return {
    ...state,
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

type StateEvents = Pick<EdgeEvents, 'stateReported' | 'stateFailed' | 'stateFenced' | 'stateLost'>;

function createStateEvents(log: Logger, registry: Registry): StateEvents {
  const registers = [registry];
  const reported = new Histogram({
    name: 'fanfare_state_report_seconds',
    help: 'Time the state store took for a report.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  });
  const shares = new Counter({
    name: 'fanfare_state_shares_reported_total',
    help: 'Counts of channels and members that the state store was told.',
    registers,
  });
  const failures = new Counter({
    name: 'fanfare_state_failures_total',
    help: 'Calls to the state store that came to nothing. They are made again.',
    registers,
  });
  const fences = new Counter({
    name: 'fanfare_state_fences_total',
    help: 'Times the state store had written this edge off in a partition; it said everything anew.',
    registers,
  });
  const losses = new Counter({
    name: 'fanfare_state_losses_total',
    help: 'Times a partition of the state store had lost its data.',
    registers,
  });
  return {
    stateReported(count, ms) {
      reported.observe(ms / 1000);
      shares.inc(count);
    },
    stateFailed(error) {
      failures.inc();
      log.debug({ err: error }, 'the state store did not answer; it is asked again');
    },
    stateFenced(partition) {
      fences.inc();
      log.warn({ partition }, 'the state store had written this edge off; saying everything anew');
    },
    stateLost(partition) {
      losses.inc();
      log.error({ partition }, 'the state store has lost its data; saying everything anew');
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
  {
    name: 'fanfare_signed_in_connections',
    help: 'Open connections that are signed in as a user.',
    of: 'signedIn',
    type: 'gauge',
  },
  {
    name: 'fanfare_watched_users',
    help: 'Users who stand in the watchlist of a connection.',
    of: 'watchedUsers',
    type: 'gauge',
  },
  {
    name: 'fanfare_terminated_connections_total',
    help: "Connections closed because the app has terminated their user's.",
    of: 'terminated',
    type: 'total',
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
  {
    name: 'fanfare_slow_connections_closed_total',
    help: 'Connections closed because what waited for them was more than EDGE_SOCKET_BUFFER_BYTES.',
    of: 'slowClosed',
    type: 'total',
  },
  {
    name: 'fanfare_slow_connections_held_total',
    help: 'Times a connection was slow and stayed, as its app has slowConsumers "latest".',
    of: 'slowHeld',
    type: 'total',
  },
  {
    name: 'fanfare_events_skipped_total',
    help: 'Events that slow connections did not get because a newer one of the same name was held.',
    of: 'eventsSkipped',
    type: 'total',
  },
  {
    name: 'fanfare_connections_delayed_total',
    help: 'Connections that had to wait to be let in because too many came at once.',
    of: 'connectionsDelayed',
    type: 'total',
  },
  {
    name: 'fanfare_state_leases',
    help: 'Partitions of the state in which this edge has a lease.',
    of: 'leases',
    type: 'gauge',
  },
  {
    name: 'fanfare_client_events_untold_total',
    help: 'Client events that a webhook wanted and that could not be kept for it.',
    of: 'clientEventsUntold',
    type: 'total',
  },
  {
    name: 'fanfare_cache_hits_total',
    help: 'Subscribers of cache channels that were given the last event.',
    of: 'cacheHits',
    type: 'total',
  },
  {
    name: 'fanfare_cache_misses_total',
    help: 'Subscribers of cache channels for whom there was no event.',
    of: 'cacheMisses',
    type: 'total',
  },
  {
    name: 'fanfare_cache_misses_untold_total',
    help: 'Cache misses that a webhook wanted and that could not be kept for it.',
    of: 'cacheMissesUntold',
    type: 'total',
  },
  {
    name: 'fanfare_member_events_total',
    help: 'Members added or removed, once per event.',
    of: 'memberEvents',
    type: 'total',
  },
  {
    name: 'fanfare_count_events_total',
    help: 'Counts of channels told to their subscribers, once per event.',
    of: 'countEvents',
    type: 'total',
  },
  {
    name: 'fanfare_rosters_read_total',
    help: 'Rosters read because changes had been missed.',
    of: 'rostersRead',
    type: 'total',
  },
];
