import { Counter, Gauge, type Registry } from 'prom-client';
import type { App } from '../app.ts';
import type { AppChange, AppRegistry, AppSourceEvents } from '../ports/app-registry.ts';
import type { Logger } from './logger.ts';

/** What is told of a process's apps while it runs: each occurrence in the log and in the metrics. */
export interface AppEvents extends AppSourceEvents {
  /** From here on; `hint` says how to get a first app where there is none. */
  follow(registry: AppRegistry, hint: string): void;
}

export function createAppEvents(log: Logger, metrics: Registry): AppEvents {
  const registers = [metrics];
  const count = new Gauge({ name: 'fanfare_apps', help: 'Apps that are served.', registers });
  const changed = new Counter({
    name: 'fanfare_app_changes_total',
    help: 'Apps added, changed or removed while the process ran.',
    registers,
  });
  const refused = new Gauge({
    name: 'fanfare_apps_refused',
    help: '1 while what stands in the file or store of apps cannot be used; the apps of before stay.',
    registers,
  });
  refused.set(0);
  const counted = (apps: readonly App[], hint: string): void => {
    count.set(apps.length);
    if (apps.length === 0) log.warn({ hint }, 'there is no app; everybody is refused until one is');
  };
  return {
    follow(registry, hint) {
      counted(registry.all(), hint);
      registry.onChange((changes) => {
        changed.inc(changes.length);
        log.info(sorted(changes), 'apps have changed');
        counted(registry.all(), hint);
      });
    },
    refused(problems) {
      refused.set(1);
      log.error({ problems }, 'the apps cannot be used as they were written; they stay as before');
    },
    recovered() {
      refused.set(0);
      log.info('the apps can be used again');
    },
    restored(apps) {
      log.error({ apps }, 'Redis had lost the apps; it was given back those known here');
    },
  };
}

/** Ids alone: settings may hold what is no business of a log. */
function sorted(changes: readonly AppChange[]): Readonly<Record<string, readonly string[]>> {
  const ids = (fits: (change: AppChange) => boolean): readonly string[] =>
    changes.filter(fits).map(({ id }) => id);
  const added = ids(({ before }) => before === undefined);
  const removed = ids(({ after }) => after === undefined);
  const rest = ids(({ before, after }) => before !== undefined && after !== undefined);
  return Object.fromEntries(
    Object.entries({ added, changed: rest, removed }).filter(([, named]) => named.length > 0),
  );
}
