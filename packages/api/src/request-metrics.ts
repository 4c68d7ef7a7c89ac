import { Counter, type Histogram, type Registry } from 'prom-client';

/** Upper bounds of the latency's buckets. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30] as const;

/** What is known of the requests of one route. */
interface RouteCounts {
  readonly statuses: Map<number, number>;
  /** How many took up to each of `SECONDS`, and longer than the one before; the last took longer than all. */
  readonly buckets: number[];
  count: number;
  seconds: number;
}

/**
 * Counts answers by route and status, and their time by route. Every request adds to plain numbers
 * that are read when they are scraped: prom-client makes a text of the labels for each
 * observation, which cost a trigger one twentieth of its time.
 */
export function countRequests(
  registry: Registry,
): (route: string, status: number, seconds: number) => void {
  const routes = new Map<string, RouteCounts>();
  exposeTotal(registry, routes);
  exposeLatency(registry, routes);
  return (route, status, seconds) => {
    let counts = routes.get(route);
    if (counts === undefined) {
      const buckets = Array.from({ length: SECONDS.length + 1 }, () => 0);
      counts = { statuses: new Map(), buckets, count: 0, seconds: 0 };
      routes.set(route, counts);
    }
    counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
    let bucket = 0;
    while (bucket < SECONDS.length && seconds > (SECONDS[bucket] ?? 0)) bucket += 1;
    counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
    counts.count += 1;
    counts.seconds += seconds;
  };
}

type Routes = ReadonlyMap<string, RouteCounts>;

function exposeTotal(registry: Registry, routes: Routes): void {
  const total: Counter = new Counter({
    name: 'fanfare_api_requests_total',
    help: 'Answers of the HTTP API, by route and status.',
    labelNames: ['route', 'status'],
    registers: [registry],
    collect() {
      total.reset();
      for (const [route, { statuses }] of routes)
        for (const [status, count] of statuses) total.inc({ route, status }, count);
    },
  });
}

function exposeLatency(registry: Registry, routes: Routes): void {
  const name = 'fanfare_api_request_seconds';
  const metric = {
    name,
    help: 'Time from the headers of a request to its answer, by route.',
    type: 'histogram',
    aggregator: 'sum',
    get: () => ({
      ...metric,
      values: [...routes].flatMap(([route, of]) => samples(name, route, of)),
    }),
  };
  registry.registerMetric(metric as unknown as Histogram); // oxlint-disable-line typescript/no-unsafe-type-assertion -- a registry asks for no more than this when it is scraped, but its type names prom-client's own classes
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function samples(
  name: string,
  route: string,
  { buckets, count, seconds }: RouteCounts,
): readonly Sample[] {
  let upTo = 0;
  const cumulative = SECONDS.map((le, index): Sample => {
    upTo += buckets[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, route }, value: upTo };
  });
  return [
    ...cumulative,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', route }, value: count },
    { metricName: `${name}_sum`, labels: { route }, value: seconds },
    { metricName: `${name}_count`, labels: { route }, value: count },
  ];
}
