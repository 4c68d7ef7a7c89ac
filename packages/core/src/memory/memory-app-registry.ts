import type { AppId, AppKey } from '@fanfare/protocol';
import type { App } from '../app.ts';
import type { AppRegistry } from '../ports/app-registry.ts';

/** Apps that do not change while the process runs. */
export function createMemoryAppRegistry(apps: readonly App[]): AppRegistry {
  const byId = new Map<AppId, App>(apps.map((app) => [app.id, app]));
  const byKey = new Map<AppKey, App>(
    apps.flatMap((app) => app.keys.map((pair): [AppKey, App] => [pair.key, app])),
  );
  return {
    byKey: (key) => byKey.get(key),
    byId: (id) => byId.get(id),
    all: () => apps,
  };
}
