import { readApps, readSettings, showSettings } from '@fanfare/core';
import { readArguments, UsageError } from '../arguments.ts';
import { print } from '../print.ts';
import {
  apiRoleSettings,
  edgeRoleSettings,
  startSettings,
  webhooksRoleSettings,
} from '../settings.ts';
import type { Command } from './command.ts';

const roles = {
  start: startSettings,
  edge: edgeRoleSettings,
  api: apiRoleSettings,
  webhooks: webhooksRoleSettings,
} as const;

export const configCommand: Command = {
  help: `Usage: fanfare config [start|edge|api|webhooks]

Checks the settings as the role would and prints those in effect, one NAME=value a line,
secrets masked. The role is start unless named.`,
  async run(argv, environment) {
    const { positionals } = readArguments(argv, {}, { min: 0, max: 1 });
    const role = positionals[0] ?? 'start';
    if (role !== 'start' && role !== 'edge' && role !== 'api' && role !== 'webhooks')
      throw new UsageError(`there is no role '${role}'; expected start, edge, api or webhooks`);
    const settings = readSettings(roles[role], environment);
    readApps(settings);
    print(showSettings(roles[role], settings).join('\n'));
  },
};
