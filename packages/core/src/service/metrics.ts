import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** A process's own registry with Node's own figures in it, every name beginning `fanfare_` or as Node's own. */
export function createMetrics(role: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** One number of a set of counters as a series. */
export interface Exposed<Name extends string> {
  readonly name: `fanfare_${string}`;
  readonly help: string;
  readonly of: Name;
  /** A `total` only grows, a `gauge` says what is now. */
  readonly type: 'total' | 'gauge';
}

/** Plain numbers, read when scraped: a hot path that counts only adds. */
export function exposeCounters<Name extends string>(
  registry: Registry,
  counters: Readonly<Record<Name, number>>,
  series: readonly Exposed<Name>[],
): void {
  const registers = [registry];
  for (const { name, help, of, type } of series) {
    if (type === 'gauge') {
      const collect = (): void => gauge.set(counters[of]);
      const gauge: Gauge = new Gauge({ name, help, registers, collect });
    } else {
      const collect = (): void => {
        total.reset();
        total.inc(counters[of]);
      };
      const total: Counter = new Counter({ name, help, registers, collect });
    }
  }
}
