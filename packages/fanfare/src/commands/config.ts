import { readApps, readSettings, showSettings } from '@fanfare/core';
import { readArguments, UsageError } from '../arguments.ts';
import { print } from '../print.ts';
import { apiRoleSettings, edgeRoleSettings, startSettings } from '../settings.ts';
import type { Command } from './command.ts';

const roles = { start: startSettings, edge: edgeRoleSettings, api: apiRoleSettings } as const;

export const configCommand: Command = {
  help: `Usage: fanfare config [start|edge|api]

Checks the settings as the role would and prints those in effect, one NAME=value a line,
secrets masked. The role is start unless named.`,
  async run(argv, environment) {
    const { positionals } = readArguments(argv, {}, { min: 0, max: 1 });
    const role = positionals[0] ?? 'start';
    if (role !== 'start' && role !== 'edge' && role !== 'api')
      throw new UsageError(`there is no role '${role}'; expected start, edge or api`);
    const settings = readSettings(roles[role], environment);
    readApps(settings);
    print(showSettings(roles[role], settings).join('\n'));
  },
};
