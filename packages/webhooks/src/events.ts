import {
  LANE_FULL,
  type Backlog,
  type ClaimedLane,
  type DeadLane,
  type Logger,
  type Tended,
  type Webhook,
} from '@fanfare/core';
import type { AppId } from '@fanfare/protocol';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Outcome } from './deliver.ts';
import { Seldom } from './seldom.ts';

export interface Attempt {
  /** Counted from 1. */
  readonly attempt: number;
  readonly events: number;
  readonly ms: number;
}

/** Everything of the worker that is worth a log line or a metric, one function each. */
export interface WebhookEvents {
  attempted(hook: Webhook, outcome: Outcome, attempt: Attempt): void;
  failing(hook: Webhook, outcome: Outcome): void;
  recovered(hook: Webhook): void;
  abandoned(lane: ClaimedLane, events: number, reason: string): void;
  /** Events that found their lane full are dead letters. */
  overflowed(lane: DeadLane): void;
  claimLost(lane: ClaimedLane): void;
  /** So many events were sent that the store had not settled. */
  unsettled(events: number): void;
  unknownHook(lane: ClaimedLane): void;
  unknownApp(app: AppId, dropped: number): void;
  tended(tended: Tended): void;
  backlog(partition: number, backlog: Backlog): void;
  storeFailed(error: unknown): void;
  storeWorks(): void;
  stopping(lanes: number): void;
  defect(error: unknown): void;
}

/** How often the log says what may be so all the time: that a lane is full, or that replicas do not answer. */
const SELDOM_MS = 60_000;

/** Logs never carry a hook's whole address: it may hold a token. */
export function createWebhookEvents(log: Logger, registry: Registry): WebhookEvents {
  const counted = counters(registry);
  const waiting = backlogGauges(registry);
  const latency = new Histogram({
    name: 'fanfare_webhook_request_seconds',
    help: 'Time a webhook request took, however it ended.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  let storeUp = true;
  return {
    attempted(hook, outcome, { attempt, events, ms }) {
      latency.observe(ms / 1000);
      counted.requests.inc({ outcome: outcome.kind });
      if (attempt > 1) counted.retries.inc();
      if (outcome.kind === '2xx') counted.delivered.inc(events);
      const fields = { hook: hook.id, outcome: outcome.text, attempt, events, ms: Math.round(ms) };
      log.debug(fields, 'webhook request');
    },
    failing(hook, outcome) {
      const fields = { hook: hook.id, host: hostOf(hook), outcome: outcome.text };
      log.warn(fields, 'webhook endpoint fails; its events wait and are tried again');
    },
    recovered(hook) {
      log.info({ hook: hook.id, host: hostOf(hook) }, 'webhook endpoint works again');
    },
    ...untold(log, counted),
    tended({ reconciled, fenced, reaped }) {
      if (reconciled > 0) counted.reconciled.inc(reconciled);
      if (reaped > 0) counted.reaped.inc(reaped);
      if (fenced === 0) return;
      counted.fenced.inc(fenced);
      log.info({ fenced }, 'an edge is gone without a word; what it held is taken away');
    },
    backlog: waiting,
    storeFailed(error) {
      if (storeUp) log.error({ err: error }, 'the store does not answer; webhooks wait');
      else log.debug({ err: error }, 'the store does not answer');
      storeUp = false;
    },
    storeWorks() {
      if (!storeUp) log.info('the store answers again');
      storeUp = true;
    },
    stopping(lanes) {
      log.info({ lanes }, 'finishing webhook requests');
    },
    defect(error) {
      counted.defects.inc();
      log.error({ err: error }, 'unexpected exception; its events are claimed again');
    },
  };
}

type Untold = Pick<
  WebhookEvents,
  'abandoned' | 'overflowed' | 'claimLost' | 'unsettled' | 'unknownHook' | 'unknownApp'
>;

/** What became of events that were not delivered, not by us or not safely. */
function untold(log: Logger, counted: Counters): Untold {
  const overflows = new Seldom(SELDOM_MS);
  const unsure = new Seldom(SELDOM_MS);
  return {
    abandoned({ app, hook }, events, reason) {
      counted.deadLetters.inc(events);
      log.error({ app, hook, events, reason }, 'webhook events given up; kept as dead letters');
    },
    overflowed({ app, hook, letters }) {
      counted.deadLetters.inc(letters);
      const events = overflows.count(`${app}/${hook}`, letters, Date.now());
      if (events === undefined) return;
      const fields = { app, hook, events, reason: LANE_FULL };
      log.error(fields, 'too many webhook events wait; those beyond are kept as dead letters');
    },
    claimLost({ app, hook, partition }) {
      counted.claimsLost.inc();
      log.warn(
        { app, hook, partition },
        'claim of a lane ran out; another worker may send its events again',
      );
    },
    unsettled(many) {
      counted.unsettled.inc(many);
      const events = unsure.count('', many, Date.now());
      if (events === undefined) return;
      const fields = { events, setting: 'REDIS_REPLICAS' };
      log.warn(
        fields,
        'no replica answers; webhooks are sent all the same, and a failover may undo them',
      );
    },
    unknownHook({ app, hook }) {
      log.debug({ app, hook }, 'events wait for a webhook that is not configured here');
    },
    unknownApp(app, dropped) {
      counted.dropped.inc(dropped);
      log.warn({ app, events: dropped }, 'webhook events of an unknown app dropped');
    },
  };
}

type CounterName = keyof typeof COUNTERS;
type Counters = Readonly<Record<CounterName, Counter>>;

const COUNTERS = {
  requests: ['fanfare_webhook_requests_total', 'Webhook requests, by how they ended.'],
  retries: ['fanfare_webhook_retries_total', 'Webhook requests that were not the first attempt.'],
  delivered: ['fanfare_webhook_events_delivered_total', 'Events that a receiver took.'],
  deadLetters: ['fanfare_webhook_events_dead_total', 'Events given up and kept as dead letters.'],
  dropped: ['fanfare_webhook_events_dropped_total', 'Events of apps that nobody knows, dropped.'],
  claimsLost: [
    'fanfare_webhook_claims_lost_total',
    'Lanes that were lost while their events were on their way; a receiver may see these again.',
  ],
  unsettled: [
    'fanfare_webhook_unsettled_total',
    'Events that were sent though no replica answered; a failover may undo what they tell.',
  ],
  reconciled: [
    'fanfare_state_reconciled_total',
    'Channels and members compared with what apps were told.',
  ],
  fenced: ['fanfare_state_fenced_total', 'Edges that were gone without a word.'],
  reaped: ['fanfare_state_reaped_total', 'Channels and members that such edges had held.'],
  defects: [
    'fanfare_webhook_defects_total',
    'Exceptions that nothing expected. Each is a bug; please report it.',
  ],
} as const satisfies Record<string, readonly [name: string, help: string]>;

function counters(registry: Registry): Counters {
  const made = (key: CounterName): Counter => {
    const [name, help] = COUNTERS[key];
    const labelNames = key === 'requests' ? ['outcome'] : [];
    return new Counter({ name, help, labelNames, registers: [registry] });
  };
  return {
    requests: made('requests'),
    retries: made('retries'),
    delivered: made('delivered'),
    deadLetters: made('deadLetters'),
    dropped: made('dropped'),
    claimsLost: made('claimsLost'),
    unsettled: made('unsettled'),
    reconciled: made('reconciled'),
    fenced: made('fenced'),
    reaped: made('reaped'),
    defects: made('defects'),
  };
}

/** Every worker counts all partitions, so of several workers' figures one is right, not their sum. */
function backlogGauges(registry: Registry): (partition: number, backlog: Backlog) => void {
  const partitions = new Map<number, Backlog>();
  const gauge = (name: string, help: string, value: (all: readonly Backlog[]) => number): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => made.set(value([...partitions.values()])),
    });
  };
  gauge(
    'fanfare_webhook_events_waiting',
    'Events that wait to be delivered.',
    sum(({ events, unrouted }) => events + unrouted),
  );
  gauge(
    'fanfare_webhook_lanes_waiting',
    'Lanes that have events.',
    sum(({ lanes }) => lanes),
  );
  gauge(
    'fanfare_webhook_dead_letters',
    'Dead letters that are kept.',
    sum(({ deadLetters }) => deadLetters),
  );
  gauge(
    'fanfare_webhook_oldest_event_seconds',
    'Age of the oldest event that waits in a lane.',
    (all) => {
      const oldest = all.flatMap(({ oldestMs }) => oldestMs ?? []);
      return oldest.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...oldest)) / 1000;
    },
  );
  return (partition, backlog) => void partitions.set(partition, backlog);
}

function sum(of: (backlog: Backlog) => number): (all: readonly Backlog[]) => number {
  return (all) => all.reduce((total, backlog) => total + of(backlog), 0);
}

function hostOf({ url }: Webhook): string {
  return new URL(url).host;
}
