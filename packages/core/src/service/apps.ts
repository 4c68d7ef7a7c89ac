import { readFileSync } from 'node:fs';
import type { AppId, AppKey } from '@fanfare/protocol';
import { appSchema, appsFileSchema, type App } from '../app.ts';
import { SettingsError } from './settings.ts';

export interface AppsSettings {
  readonly APP_ID?: AppId | undefined;
  readonly APP_KEY?: AppKey | undefined;
  readonly APP_SECRET?: string | undefined;
  readonly APPS_FILE?: string | undefined;
}

/**
 * The apps named by the settings, either one by `APP_*` or several by `APPS_FILE`; undefined when
 * neither is set. Throws a `SettingsError` for half an app, both, or a file that is not as expected.
 */
export function readApps(settings: AppsSettings): readonly App[] | undefined {
  const { APP_ID: id, APP_KEY: key, APP_SECRET: secret, APPS_FILE: file } = settings;
  const given = [id, key, secret].filter((value) => value !== undefined).length;
  if (file !== undefined) {
    if (given > 0)
      throw new SettingsError([
        'APPS_FILE: set either APPS_FILE or APP_ID, APP_KEY and APP_SECRET',
      ]);
    return readAppsFile(file);
  }
  if (given === 0) return undefined;
  if (id === undefined || key === undefined || secret === undefined) {
    const missing = Object.entries({ APP_ID: id, APP_KEY: key, APP_SECRET: secret })
      .filter(([, value]) => value === undefined)
      .map(
        ([name]) => `${name}: expected a value, as another of APP_ID, APP_KEY, APP_SECRET is set`,
      );
    throw new SettingsError(missing);
  }
  return [appSchema.parse({ id, keys: [{ key, secret }] })];
}

function readAppsFile(path: string): readonly App[] {
  const problem = (text: string): SettingsError =>
    new SettingsError([`APPS_FILE: ${path}: ${text}`]);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw problem(cause instanceof Error ? cause.message : 'cannot be read');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw problem(`not JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`);
  }
  const result = appsFileSchema.safeParse(json);
  if (result.success) return result.data.apps;
  throw new SettingsError(
    result.error.issues.map(
      ({ path: at, message }) => `APPS_FILE: ${path}: ${at.join('.')}: ${message}`,
    ),
  );
}
