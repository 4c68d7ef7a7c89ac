import { decodeRedisUrl, Failure } from '@fanfare/core';
import type { ConnectOptions, LinkLog } from './connect.ts';
import { redisLimits, type RedisLimits } from './limits.ts';
import { createFixedLocator } from './locator.ts';
import { SentinelLocator } from './sentinel-locator.ts';

/** What whoever opens something on Redis is given. */
export interface ConnectSettings {
  /** As `REDIS_URL` is written. */
  readonly url: string;
  readonly connectionName: string;
  readonly log: LinkLog;
  readonly limits?: Partial<RedisLimits>;
}

/** Throws `Failure('misconfigured')` for a wrong URL, and does not show it: it holds the password. */
export function connectOptions(settings: ConnectSettings): ConnectOptions {
  const { connectionName, log } = settings;
  const url = decodeRedisUrl(settings.url);
  if (typeof url === 'string') throw new Failure('misconfigured', url);
  const limits = { ...redisLimits, ...settings.limits };
  const locator =
    url.at.kind === 'server'
      ? createFixedLocator(url.at.address)
      : new SentinelLocator(url.at, { connectionName, log, limits });
  return { url, locator, connectionName, log, limits };
}
