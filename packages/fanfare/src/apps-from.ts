import {
  createAppEvents,
  createMemoryAppRegistry,
  openAppsFile,
  readApps,
  type App,
  type AppSource,
  type AppsSettings,
  type Logger,
} from '@fanfare/core';
import type { Registry } from 'prom-client';
import type { Backend } from './backend.ts';

/** Where the apps of a process come from; only one of these at a time. */
export type AppsFrom =
  | { readonly from: 'settings'; readonly apps: readonly App[] }
  | { readonly from: 'file'; readonly path: string; readonly apps: readonly App[] }
  | { readonly from: 'redis' };

/** The apps that the settings name, or undefined when they name none. Throws as `readApps` does. */
export function givenApps(
  settings: AppsSettings,
): Exclude<AppsFrom, { from: 'redis' }> | undefined {
  const apps = readApps(settings);
  const { APPS_FILE: path } = settings;
  if (apps === undefined) return undefined;
  return path === undefined ? { from: 'settings', apps } : { from: 'file', path, apps };
}

export interface AppsParts {
  readonly backend: Backend;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** The apps as they are now. Those of a file or of Redis are read again at once by SIGHUP. */
export async function openApps(
  apps: AppsFrom,
  { backend, log, metrics }: AppsParts,
): Promise<AppSource> {
  const events = createAppEvents(log, metrics);
  const open = async (): Promise<AppSource> => {
    switch (apps.from) {
      case 'settings':
        return fixed(apps.apps);
      case 'file':
        return refreshedBySignal(await openAppsFile(apps.path, apps.apps, events));
      case 'redis':
        return refreshedBySignal(await backend.openApps(events));
    }
  };
  const source = await open();
  events.follow(source, 'fanfare apps add');
  return source;
}

/** The apps at this moment, for a command that ends with its answer. */
export async function appsNow(
  apps: AppsFrom,
  backend: Pick<Backend, 'openApps'>,
): Promise<readonly App[]> {
  if (apps.from !== 'redis') return apps.apps;
  // Whoever serves them tells what is wrong with them.
  await using source = await backend.openApps({ refused() {}, recovered() {}, restored() {} });
  return source.all();
}

function fixed(apps: readonly App[]): AppSource {
  // It is as long as the process is; there is nothing to look for and nothing to close.
  return { ...createMemoryAppRegistry(apps), refresh() {}, async [Symbol.asyncDispose]() {} };
}

function refreshedBySignal(source: AppSource): AppSource {
  const onSignal = (): void => source.refresh();
  process.on('SIGHUP', onSignal);
  return {
    ...source,
    async [Symbol.asyncDispose]() {
      process.off('SIGHUP', onSignal);
      await source[Symbol.asyncDispose]();
    },
  };
}
