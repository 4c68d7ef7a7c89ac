import { readApps, readSettings, SettingsError, type Environment } from '@fanfare/core';
import { readArguments, UsageError } from '../arguments.ts';
import { appOf, readDevelopment } from '../development.ts';
import { print, printError } from '../print.ts';
import { startSettings } from '../settings.ts';
import { signedTarget } from '../signed-target.ts';
import type { Command } from './command.ts';

const options = {
  'app-id': { type: 'string' },
  key: { type: 'string' },
  secret: { type: 'string' },
  api: { type: 'string' },
  'socket-id': { type: 'string' },
} as const;

/** How long the server may take to answer. */
const PATIENCE_MS = 10_000;

export const triggerCommand: Command = {
  help: `Usage: fanfare trigger <channel> <event> [data] [options]

Sends a signed trigger. Data is any text, usually JSON; {} when left out.

The app and the address come from the options, else from APP_ID, APP_KEY, APP_SECRET,
APPS_FILE (its first app), API_HOST and API_PORT, else from the development app that
\`fanfare start\` made in this directory.

Options:
  --app-id <id>          app to send as
  --key <key>            its key
  --secret <secret>      its secret
  --api <url>            address of the API (default http://127.0.0.1:3232)
  --socket-id <id>       a socket that must not receive the event`,
  async run(argv, environment) {
    const { values, positionals } = readArguments(argv, options, { min: 2, max: 3 });
    const [channel, event, data = '{}'] = positionals;
    const target = findTarget(values, environment);
    const body = JSON.stringify({
      name: event,
      channels: [channel],
      data,
      ...(values['socket-id'] === undefined ? {} : { socket_id: values['socket-id'] }),
    });
    const answer = await post(target, body);
    if (answer.status === 200) {
      print(`sent ${event} to ${channel} at ${target.api}`);
      return;
    }
    printError(`${target.api} answered ${answer.status}: ${answer.text.trim()}`);
    process.exitCode = 1;
  },
};

interface Target {
  readonly api: string;
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

interface Given {
  readonly 'app-id'?: string | undefined;
  readonly key?: string | undefined;
  readonly secret?: string | undefined;
  readonly api?: string | undefined;
}

function findTarget(given: Given, environment: Environment): Target {
  const settings = readSettings(startSettings, environment);
  const development = readDevelopment(process.cwd());
  const configured = readApps(settings)?.[0];
  const app = configured ?? (development === undefined ? undefined : appOf(development));
  const id = given['app-id'] ?? app?.id;
  const key = given.key ?? app?.keys[0].key;
  const secret = given.secret ?? app?.keys[0].secret;
  if (id === undefined || key === undefined || secret === undefined)
    throw new SettingsError([
      'no app: give --app-id, --key and --secret, set APP_ID, APP_KEY and APP_SECRET, or run `fanfare start` in this directory once',
    ]);
  const found = configured === undefined ? development?.api : undefined;
  const api = given.api ?? found ?? `http://${settings.API_HOST}:${settings.API_PORT}`;
  if (!URL.canParse(api))
    throw new UsageError(`--api: expected an address such as http://127.0.0.1:3232, got '${api}'`);
  return { api: api.replace(/\/+$/, ''), id, key, secret };
}

async function post(
  target: Target,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const path = signedTarget(target, `/apps/${target.id}/events`, body, Date.now());
  try {
    const response = await fetch(`${target.api}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new UsageError(
      `cannot reach ${target.api}: ${cause instanceof Error ? cause.message : String(cause)}; is Fanfare running?`,
      { cause: error },
    );
  }
}
