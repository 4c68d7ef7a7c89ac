import {
  appsSettings,
  readApps,
  readSettings,
  SettingsError,
  type App,
  type commonSettings,
  type Environment,
  type SettingsShape,
} from '@fanfare/core';
import type { z } from 'zod';

/**
 * The settings and apps of a role that is one part of a cluster: it needs a Redis to reach the
 * other parts, and it has no development app to fall back on. Throws one `SettingsError` with
 * everything that is wrong.
 */
export function readClusterRole<Shape extends SettingsShape & typeof commonSettings>(
  shape: Shape,
  environment: Environment,
): { readonly settings: z.output<z.ZodObject<Shape>>; readonly apps: readonly App[] } {
  const problems = new Set<string>();
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      for (const problem of error.problems) problems.add(problem);
      return undefined;
    }
  };
  const settings = collect(() => readSettings(shape, environment));
  // A wrong port must not hide a missing app, so the apps are read whatever became of the rest.
  const apps = collect(() => requireApps(environment));
  if ((environment['REDIS_URL'] ?? '') === '') problems.add(NO_REDIS);
  if (settings === undefined || apps === undefined || problems.size > 0)
    throw new SettingsError([...problems]);
  return { settings, apps };
}

const NO_REDIS =
  'REDIS_URL: expected the address of the Redis that joins this process to the rest of the cluster, it is not set; without Redis use `fanfare start`';

function requireApps(environment: Environment): readonly App[] {
  const apps = readApps(readSettings(appsSettings, environment));
  if (apps !== undefined) return apps;
  throw new SettingsError([
    'APP_ID, APP_KEY, APP_SECRET: expected an app, none is set; or name a file of apps by APPS_FILE',
  ]);
}
