import { readArguments } from '../arguments.ts';
import { openEdge } from '../roles.ts';
import { readClusterRole } from '../read-role.ts';
import { runRole } from '../run-role.ts';
import { describeSettings, edgeRoleSettings } from '../settings.ts';
import type { Command } from './command.ts';

export const edgeCommand: Command = {
  help: `Usage: fanfare edge

Accepts WebSocket clients at [prefix]/app/{key} and carries channel traffic over Redis.

Settings (environment):
${describeSettings(edgeRoleSettings)}`,
  async run(argv, environment) {
    readArguments(argv, {}, { min: 0, max: 0 });
    const { settings, apps } = readClusterRole(edgeRoleSettings, environment);
    await runRole({ name: 'edge', opsPort: 9100, settings, apps }, (parts) =>
      openEdge(settings, parts),
    );
  },
};
