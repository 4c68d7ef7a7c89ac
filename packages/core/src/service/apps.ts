import { readFileSync } from 'node:fs';
import { shown, type AppId, type AppKey, type Dialect } from '@fanfare/protocol';
import type { z } from 'zod';
import { appSchema, appsFileSchema, type App } from '../app.ts';
import { expectedText } from './expected.ts';
import { SettingsError } from './settings.ts';

export interface AppsSettings {
  readonly APP_ID?: AppId | undefined;
  readonly APP_KEY?: AppKey | undefined;
  readonly APP_SECRET?: string | undefined;
  readonly APPS_FILE?: string | undefined;
  readonly WEBHOOK_URL?: string | undefined;
  readonly WEBHOOK_DIALECT?: Dialect | undefined;
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
    if (settings.WEBHOOK_URL !== undefined)
      throw new SettingsError([
        'WEBHOOK_URL: set it under `webhooks` of an app in APPS_FILE, as that file is set',
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
  return [appSchema.parse({ id, keys: [{ key, secret }], webhooks: oneWebhook(settings) })];
}

/** The `webhooks` of the one app that the settings name, or that `fanfare start` makes. */
export function oneWebhook({
  WEBHOOK_URL: url,
  WEBHOOK_DIALECT: dialect,
}: Pick<AppsSettings, 'WEBHOOK_URL' | 'WEBHOOK_DIALECT'>): readonly WebhookInput[] {
  if (url === undefined) return [];
  return [dialect === undefined ? { url } : { url, dialect }];
}

interface WebhookInput {
  readonly url: string;
  readonly dialect?: Dialect;
}

function readAppsFile(path: string): readonly App[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw unreadableAppsFile(path, cause);
  }
  return parseAppsFile(path, text);
}

/** The error that says why an apps file could not be read. */
export function unreadableAppsFile(path: string, cause: unknown): SettingsError {
  return new SettingsError([
    `APPS_FILE: ${path}: expected a file that can be read, ${whyUnreadable(cause)}`,
  ]);
}

/** What stands in an apps file; throws a `SettingsError` with all that is wrong with it. */
export function parseAppsFile(path: string, text: string): readonly App[] {
  const parsed = parseJsonAs(appsFileSchema, text);
  if (parsed.ok) return parsed.data.apps;
  throw new SettingsError(parsed.problems.map((problem) => `APPS_FILE: ${path}: ${problem}`));
}

export type Parsed<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What an app's settings are, as in an apps file, or all that is wrong with them; no secret is told. */
export function parseApp(input: unknown): Parsed<App> {
  return parseAs(appSchema, input);
}

export function parseJsonAs<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return { ok: false, problems: [`expected JSON${whereNoJson(text, cause)}`] };
  }
  return parseAs(schema, json);
}

function parseAs<T>(schema: z.ZodType<T>, json: unknown): Parsed<T> {
  const result = schema.safeParse(json, { error: expectedText });
  if (result.success) return { ok: true, data: result.data };
  const problems = result.error.issues.map(({ code, path, message }) =>
    // Of a name that is unknown there is no value to speak of.
    [`${pathText(path)}${message}`]
      .concat(code === 'unrecognized_keys' ? [] : got(json, path))
      .join(', '),
  );
  return { ok: false, problems };
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  EACCES: 'this process may not read it',
  EISDIR: 'it is a folder',
};

function whyUnreadable(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return UNREADABLE[code] ?? String(cause);
}

/** Says where, not what: the parser's own message quotes the text around the mistake, and a secret may stand there. */
function whereNoJson(text: string, cause: unknown): string {
  const position = / at position (\d+)/.exec(String(cause))?.[1];
  if (position === undefined)
    return String(cause).includes('Unexpected end') ? ', the text ends too soon' : '';
  const line = text.slice(0, Number(position)).split('\n').length;
  return `, there is a mistake in line ${line}`;
}

/** `apps[0].limits.maxEventBytes: `, and nothing for the whole. */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  return path.length === 0 ? '' : `${text.join('').replace(/^\./, '')}: `;
}

function got(json: unknown, path: readonly PropertyKey[]): string {
  const value = path.reduce<unknown>(
    (whole, part) =>
      typeof whole === 'object' && whole !== null ? Reflect.get(whole, part) : undefined,
    json,
  );
  if (value === undefined) return 'it is missing';
  if (Array.isArray(value)) return value.length === 0 ? 'got an empty list' : 'got a list';
  if (typeof value === 'object' && value !== null) return 'got an object';
  return mayBeSecret(path)
    ? 'got a value that is not shown'
    : `got ${shown(JSON.stringify(value))}`;
}

/** All that stands below `keys` may be a secret that someone put in the wrong place; a webhook's address or header may hold one. */
function mayBeSecret(path: readonly PropertyKey[]): boolean {
  if (path.includes('keys')) return path.at(-1) !== 'key';
  return path.includes('webhooks') && (path.includes('headers') || path.at(-1) === 'url');
}
