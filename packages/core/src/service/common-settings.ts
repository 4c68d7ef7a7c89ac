import { z } from 'zod';
import { appIdSchema, appKeySchema, appSecretSchema } from '../app.ts';
import { dialectSchema, webhookUrlSchema } from '../webhook.ts';
import { decodeRedisUrl } from './redis-url.ts';
import { secret, secretUrl, wholeNumber } from './settings.ts';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** What names the apps; read together, for one decides what another may be. */
export const appsSettings = {
  APP_ID: appIdSchema.optional().describe('Id of the one app: digits.'),
  APP_KEY: appKeySchema.optional().describe('Its key, known to clients.'),
  APP_SECRET: secret(appSecretSchema.optional().describe('Its secret, known to your backend.')),
  APPS_FILE: z
    .string()
    .optional()
    .describe(
      'JSON file with several apps and all their settings, instead of `APP_*`; read again when it changes.',
    ),
  WEBHOOK_URL: secretUrl(
    webhookUrlSchema
      .optional()
      .describe('Where the one app of `APP_*` wants its webhooks. Unset: nowhere.'),
  ),
  WEBHOOK_DIALECT: dialectSchema
    .optional()
    .describe('Names in those webhooks: `pusher`, or `webman` for `channel_added` and the like.'),
} as const;

function redisUrlSchema(): z.ZodString {
  return z.string().superRefine((text, context) => {
    const url = decodeRedisUrl(text);
    if (typeof url === 'string') context.addIssue({ code: 'custom', message: url });
  });
}

/** What every role reads. */
export const commonSettings = {
  REDIS_URL: secretUrl(
    redisUrlSchema()
      .optional()
      .describe(
        'Redis that joins the processes to a cluster: `redis://host:port`, `rediss://host:port`, or `redis+sentinel://host:port,host:port/master`. Unset: in memory, one process.',
      ),
  ),
  REDIS_STATE_URL: secretUrl(
    redisUrlSchema()
      .optional()
      .describe(
        'Another Redis for what must last: who is where, webhooks that wait, apps. Unset: that of `REDIS_URL`, which otherwise only carries events.',
      ),
  ),
  REDIS_REPLICAS: wholeNumber(0, 10)
    .optional()
    .describe(
      'Replicas that must know of a webhook event before it is delivered, so that no failover takes it back; it waits for them however long it takes. Unset: one, while Redis has one, and for 10 s at most. 0: none.',
    ),
  ...appsSettings,
  OPS_HOST: z
    .string()
    .default('0.0.0.0')
    .describe('Address of the operations listener: `/livez`, `/readyz`, `/metrics`.'),
  OPS_PORT: wholeNumber(0, 65_535)
    .optional()
    .describe('Its port. Unset: 9100 for `edge` and `start`, 9101 for `api`, 9102 for `webhooks`.'),
  DRAIN_SECONDS: wholeNumber(0, 3600)
    .default(30)
    .describe('Seconds over which SIGTERM spreads the closing of sockets. SIGINT closes at once.'),
  LOG_LEVEL: z
    .enum(logLevels)
    .default('info')
    .describe('Least level that is logged. JSON; readable text on a terminal.'),
} as const;
