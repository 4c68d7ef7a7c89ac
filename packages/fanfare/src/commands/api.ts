import { readArguments } from '../arguments.ts';
import { openApi } from '../roles.ts';
import { readClusterRole } from '../read-role.ts';
import { runRole } from '../run-role.ts';
import { apiRoleSettings, describeSettings } from '../settings.ts';
import type { Command } from './command.ts';

export const apiCommand: Command = {
  help: `Usage: fanfare api

Answers the Pusher HTTP API at /apps/{id}/… and publishes events over Redis.

Settings (environment):
${describeSettings(apiRoleSettings)}`,
  async run(argv, environment) {
    readArguments(argv, {}, { min: 0, max: 0 });
    const { settings, apps } = readClusterRole(apiRoleSettings, environment);
    await runRole({ name: 'api', opsPort: 9101, settings, apps }, (parts) =>
      openApi(settings, parts),
    );
  },
};
