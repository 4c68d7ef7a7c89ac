import { randomBytes, randomInt } from 'node:crypto';
import type { Environment } from '@fanfare/core';
import { parseAppId } from '@fanfare/protocol';
import { parseAssignment } from '../app-assignments.ts';
import {
  addApp,
  enableApp,
  finishRotation,
  removeApp,
  rotateKey,
  setApp,
  type Edit,
  type NewPair,
} from '../app-edits.ts';
import { appJson, appTable } from '../app-list.ts';
import { appStoreSettings, editApps, withAppStore } from '../app-store.ts';
import { readArguments, UsageError } from '../arguments.ts';
import { print } from '../print.ts';
import { describeSettings } from '../settings.ts';
import type { Command } from './command.ts';

const verbs: Readonly<Record<string, (argv: readonly string[]) => Edit>> = {
  add(argv) {
    const options = {
      id: { type: 'string' },
      key: { type: 'string' },
      secret: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] as string[] },
    } as const;
    const { values } = readArguments(argv, options, { min: 0, max: 0 });
    const { id, key, secret } = values;
    const made = newPair();
    return addApp({
      newId: id === undefined ? () => String(randomInt(100_000, 1_000_000)) : () => requireId(id),
      pair: { key: key ?? made.key, secret: secret ?? made.secret },
      isSecretNew: secret === undefined,
      assignments: (values.set ?? []).map(parseAssignment),
    });
  },
  set(argv) {
    const { positionals } = readArguments(argv, {}, { min: 2, max: Infinity });
    const [id = '', ...assignments] = positionals;
    return setApp(requireId(id), assignments.map(parseAssignment));
  },
  disable: (argv) => enableApp(onlyId(argv), false),
  enable: (argv) => enableApp(onlyId(argv), true),
  'rotate-key'(argv) {
    const options = { finish: { type: 'boolean', default: false } } as const;
    const { positionals, values } = readArguments(argv, options, { min: 1, max: 1 });
    const id = requireId(positionals[0] ?? '');
    return values.finish ? finishRotation(id) : rotateKey(id, newPair());
  },
  remove: (argv) => removeApp(onlyId(argv)),
};

export const appsCommand: Command = {
  help: `Usage: fanfare apps list [--json]
       fanfare apps add [--id ID] [--key KEY] [--secret SECRET] [--set name=value]...
       fanfare apps set ID name=value...
       fanfare apps disable|enable ID
       fanfare apps rotate-key ID [--finish]
       fanfare apps remove ID

The apps in Redis, which are those of every edge, api and webhooks process that has neither APP_*
nor APPS_FILE. A change is everywhere within a second, without a restart.

\`add\` makes what is not given, and prints the secret once. In name=value the name is that of a
setting in an apps file, such as limits.maxEventBytes; the value is JSON, or text, or @FILE for the
JSON of a file; without a value the setting goes back to its default. \`disable\` closes the app's
clients with 4003, \`remove\` with 4001. \`rotate-key\` adds a key beside the old one, --finish takes
the old one away.

Settings (environment):
${describeSettings(appStoreSettings)}`,
  async run(argv, environment) {
    const [verb, ...rest] = argv;
    if (verb === undefined) throw new UsageError('an argument is missing');
    if (verb === 'list') return list(rest, environment);
    const editOf = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (editOf === undefined)
      throw new UsageError(
        `there is no '${verb}'; expected list, add, set, disable, enable, rotate-key or remove`,
      );
    const edit = editOf(rest);
    await withAppStore(environment, async (store) => print(await editApps(store, edit)));
  },
};

async function list(argv: readonly string[], environment: Environment): Promise<void> {
  const options = { json: { type: 'boolean', default: false } } as const;
  const { values } = readArguments(argv, options, { min: 0, max: 0 });
  await withAppStore(environment, async (store) => {
    const entries = (await store.read(undefined))?.entries ?? new Map<string, string>();
    print(values.json ? appJson(entries) : appTable(entries));
  });
}

function newPair(): NewPair {
  return { key: randomBytes(10).toString('hex'), secret: randomBytes(20).toString('hex') };
}

function onlyId(argv: readonly string[]): string {
  return requireId(readArguments(argv, {}, { min: 1, max: 1 }).positionals[0] ?? '');
}

function requireId(text: string): string {
  if (parseAppId(text) === undefined)
    throw new UsageError(`'${text}' is no id of an app: expected 1 to 20 digits`);
  return text;
}
