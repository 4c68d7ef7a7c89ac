import {
  appsSettings,
  readSettings,
  SettingsError,
  type commonSettings,
  type Environment,
  type SettingsShape,
} from '@fanfare/core';
import type { z } from 'zod';
import { givenApps, type AppsFrom } from './apps-from.ts';

/**
 * The settings and apps of a role that is one part of a cluster: it needs a Redis to reach the
 * other parts, and where no apps are named they are those in Redis. Throws one `SettingsError` with
 * everything that is wrong.
 */
export function readClusterRole<Shape extends SettingsShape & typeof commonSettings>(
  shape: Shape,
  environment: Environment,
): { readonly settings: z.output<z.ZodObject<Shape>>; readonly apps: AppsFrom } {
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
  const apps = collect(() => clusterApps(environment));
  if ((environment['REDIS_URL'] ?? '') === '') problems.add(NO_REDIS);
  if (settings === undefined || apps === undefined || problems.size > 0)
    throw new SettingsError([...problems]);
  return { settings, apps };
}

const NO_REDIS =
  'REDIS_URL: expected the address of the Redis that joins this process to the rest of the cluster, it is not set; without Redis use `fanfare start`';

function clusterApps(environment: Environment): AppsFrom {
  const settings = readSettings(appsSettings, environment);
  const given = givenApps(settings);
  if (given !== undefined) return given;
  if (settings.WEBHOOK_URL === undefined) return { from: 'redis' };
  throw new SettingsError([
    'WEBHOOK_URL: it is for the one app of APP_ID, APP_KEY and APP_SECRET, and none is set; apps in Redis get their `webhooks` by `fanfare apps set`',
  ]);
}
