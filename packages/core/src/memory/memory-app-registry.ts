import { isDeepStrictEqual } from 'node:util';
import type { AppId, AppKey } from '@fanfare/protocol';
import type { App } from '../app.ts';
import type { AppChange, AppRegistry } from '../ports/app-registry.ts';

export interface MemoryAppRegistry extends AppRegistry {
  /** From now on these are the apps; no two of them share an id or a key. */
  replace(apps: readonly App[]): void;
}

interface Snapshot {
  readonly all: readonly App[];
  readonly byId: ReadonlyMap<AppId, App>;
  readonly byKey: ReadonlyMap<AppKey, App>;
}

/** Apps are never changed, only exchanged, and all of them at once: nobody sees half of a change. */
export function createMemoryAppRegistry(apps: readonly App[]): MemoryAppRegistry {
  const listeners = new Set<(changes: readonly AppChange[]) => void>();
  let current = snapshotOf(apps);
  return {
    byKey: (key) => current.byKey.get(key),
    byId: (id) => current.byId.get(id),
    all: () => current.all,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(next) {
      const before = current;
      const kept = next.map((app) => {
        const known = before.byId.get(app.id);
        return known !== undefined && isDeepStrictEqual(known, app) ? known : app;
      });
      current = snapshotOf(kept);
      const changes = changesBetween(before, current);
      if (changes.length > 0) for (const listener of listeners) listener(changes);
    },
  };
}

function snapshotOf(all: readonly App[]): Snapshot {
  return {
    all,
    byId: new Map(all.map((app) => [app.id, app])),
    byKey: new Map(all.flatMap((app) => app.keys.map((pair): [AppKey, App] => [pair.key, app]))),
  };
}

function changesBetween(before: Snapshot, after: Snapshot): readonly AppChange[] {
  const ids = new Set([...before.byId.keys(), ...after.byId.keys()]);
  return [...ids]
    .map((id) => ({ id, before: before.byId.get(id), after: after.byId.get(id) }))
    .filter((change) => change.before !== change.after);
}
