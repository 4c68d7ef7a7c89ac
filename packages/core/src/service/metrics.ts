import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's own registry with Node's own figures in it, every name beginning `fanfare_` or as Node's own. */
export function createMetrics(role: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  return registry;
}
