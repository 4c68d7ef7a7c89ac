import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appSchema, oneWebhook, SettingsError, type App, type AppsSettings } from '@fanfare/core';
import { z } from 'zod';

/** Where `fanfare start` keeps its own app, below the working directory; git-ignored. */
const FOLDER = '.fanfare';
const FILE = 'development.json';

const developmentSchema = z.strictObject({
  id: z.string(),
  key: z.string(),
  secret: z.string(),
  /** Where the API of the last start listens, so that `fanfare trigger` finds it. */
  api: z.url().optional(),
});

type WebhookSettings = Pick<AppsSettings, 'WEBHOOK_URL' | 'WEBHOOK_DIALECT'>;

export type Development = z.infer<typeof developmentSchema>;

/** The development app of this directory, or undefined when none was made yet. */
export function readDevelopment(directory: string): Development | undefined {
  const path = join(directory, FOLDER, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return developmentSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason =
      cause instanceof z.ZodError ? 'it is not as written by `fanfare start`' : 'not JSON';
    throw new SettingsError([`${path}: ${reason}; delete it to get a new development app`]);
  }
}

export function makeDevelopment(): Development {
  return {
    id: String(randomInt(100_000, 1_000_000)),
    key: randomBytes(10).toString('hex'),
    secret: randomBytes(10).toString('hex'),
  };
}

export function writeDevelopment(directory: string, development: Development): void {
  mkdirSync(join(directory, FOLDER), { recursive: true });
  const text = `${JSON.stringify(development, null, 2)}\n`;
  writeFileSync(join(directory, FOLDER, FILE), text, { mode: 0o600 });
}

/** As the one app of `APP_*`, with the webhook that the settings name. */
export function appOf({ id, key, secret }: Development, settings: WebhookSettings = {}): App {
  return appSchema.parse({ id, keys: [{ key, secret }], webhooks: oneWebhook(settings) });
}
