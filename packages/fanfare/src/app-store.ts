import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  appsSettings,
  commonSettings,
  isFailure,
  readSettings,
  SettingsError,
  type AppStore,
  type Environment,
} from '@fanfare/core';
import { openRedisAppStore } from '@fanfare/redis';
import type { Edit } from './app-edits.ts';
import { asSettingsError, stateSettingOf } from './backend.ts';
import { CommandFailed } from './command-failed.ts';

/** What `fanfare apps` reads; the other settings of apps must not be set. */
export const appStoreSettings = {
  REDIS_URL: commonSettings.REDIS_URL,
  REDIS_STATE_URL: commonSettings.REDIS_STATE_URL,
} as const;

/** How long a person waits for a Redis that does not answer. */
const PATIENCE_MS = 5_000;

/** The apps in Redis, for as long as `use` takes. */
export async function withAppStore(
  environment: Environment,
  use: (store: AppStore) => Promise<void>,
): Promise<void> {
  const { url, setting } = redisOfApps(environment);
  let reason = 'it does not answer';
  const onTrouble = (fields: object): void => {
    if ('reason' in fields) reason = String(fields.reason);
  };
  try {
    await using store = await openRedisAppStore({
      url,
      connectionName: 'fanfare-operator',
      log: { info() {}, warn: onTrouble, error: onTrouble },
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(asSettingsError(setting));
    await use(store);
  } catch (error) {
    if (isFailure(error, 'closed')) throw new CommandFailed(`cannot reach Redis: ${reason}`);
    if (isFailure(error, 'unavailable'))
      throw new CommandFailed(
        'Redis did not answer; whether anything was changed is not known, `fanfare apps list` tells',
      );
    throw error;
  }
}

function redisOfApps(environment: Environment): { readonly url: string; readonly setting: string } {
  const settings = readSettings({ ...appStoreSettings, ...appsSettings }, environment);
  if (settings.APPS_FILE !== undefined)
    throw new SettingsError([
      'APPS_FILE: the apps stand in this file, so edit the file; every process that reads it takes the change by itself',
    ]);
  for (const name of ['APP_ID', 'APP_KEY', 'APP_SECRET'] as const)
    if (settings[name] !== undefined)
      throw new SettingsError([
        `${name}: the one app stands in the settings, so change them and restart; without them the apps are those in Redis`,
      ]);
  const url = settings.REDIS_STATE_URL ?? settings.REDIS_URL;
  if (url !== undefined) return { url, setting: stateSettingOf(settings) };
  throw new SettingsError([
    'REDIS_URL: expected the address of the Redis that holds the apps, it is not set',
  ]);
}

/** Beyond it somebody changes apps all the time. */
const TRIES = 50;
const PAUSE_MAX_MS = 50;

/** Decides anew whenever somebody else was faster. Resolves with what to say. */
export async function editApps(store: AppStore, edit: Edit): Promise<string> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other is the point
    const said = await tryEdit(store, edit);
    if (said !== undefined) return said;
    // oxlint-disable-next-line no-await-in-loop -- as above
    await pause(Math.random() * PAUSE_MAX_MS);
  }
  throw new CommandFailed('others change the apps all the time; nothing was changed, try again');
}

async function tryEdit(store: AppStore, edit: Edit): Promise<string | undefined> {
  const { version, entries } = (await store.read(undefined)) ?? {
    version: undefined,
    entries: new Map<string, string>(),
  };
  const { id, text, said } = edit(entries);
  if (entries.get(id) === text) return said;
  const change = { version: randomBytes(12).toString('base64url'), entries: new Map([[id, text]]) };
  return (await store.change(version, change)) ? said : undefined;
}
