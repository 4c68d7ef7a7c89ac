import { createMemoryAppRegistry } from '../memory/memory-app-registry.ts';
import type { AppRegistry, AppSourceEvents } from '../ports/app-registry.ts';
import type { AppEntries, AppStore } from '../ports/app-store.ts';
import { createUnderstanding } from './app-entries.ts';
import { Looks } from './looks.ts';

/** The apps of a store, kept up by whoever is told that they may have changed. */
export interface FollowedApps {
  readonly registry: AppRegistry;
  /** Looks at once, or once more after the look under way. Rejects when the store did not answer. */
  look(): Promise<void>;
}

/**
 * What was read last stays in force while the store is away. A store that has lost everything is
 * given back what is known here; whoever comes first does it, the others find it done.
 */
export function followApps(store: AppStore, events: AppSourceEvents): FollowedApps {
  const registry = createMemoryAppRegistry([]);
  const understand = createUnderstanding(registry);
  let version: string | undefined;
  let entries: AppEntries = new Map();
  let told = '';
  const take = (next: AppEntries): void => {
    entries = next;
    const { apps, problems } = understand(entries);
    const text = problems.join('\n');
    if (text !== told && problems.length > 0) events.refused(problems);
    if (text === '' && told !== '') events.recovered();
    told = text;
    registry.replace(apps);
  };
  const looks = new Looks(async () => {
    const stored = await store.read(version);
    if (stored === undefined) return;
    if (stored.version === undefined && version !== undefined) {
      if (await store.change(undefined, { version, entries })) events.restored(entries.size);
      else looks.again();
      return;
    }
    ({ version } = stored);
    take(stored.entries);
  });
  return { registry, look: async () => looks.look() };
}
