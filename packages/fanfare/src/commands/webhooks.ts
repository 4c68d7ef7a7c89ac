import type { Environment } from '@fanfare/core';
import { readArguments, UsageError } from '../arguments.ts';
import { listDeadLetters, replayDeadLetters } from '../dead-letters.ts';
import { readClusterRole } from '../read-role.ts';
import { openWorker } from '../roles.ts';
import { runRole } from '../run-role.ts';
import { describeSettings, webhooksRoleSettings } from '../settings.ts';
import type { Command } from './command.ts';

const options = {
  max: { type: 'string', default: '100' },
  to: { type: 'string' },
} as const;

export const webhooksCommand: Command = {
  help: `Usage: fanfare webhooks
       fanfare webhooks dead [APP HOOK] [--max 100]
       fanfare webhooks replay APP HOOK [--to HOOK] [--max 100]

Delivers webhooks; any number of workers may run, on any machine. \`dead\` lists the lanes with
events that were given up, or those events; \`replay\` sends them once more, --max at a time,
--to another hook when the address was corrected, which makes a new hook. An id that does not
exist is answered with those that do.

Settings (environment):
${describeSettings(webhooksRoleSettings)}`,
  async run(argv, environment) {
    const { positionals, values } = readArguments(argv, options, { min: 0, max: 3 });
    const [verb, app, hook] = positionals;
    if (verb === undefined) return work(environment);
    const max = Number(values.max);
    if (!Number.isInteger(max) || max < 1)
      throw new UsageError(`--max: expected a whole number from 1, got '${values.max}'`);
    if (verb === 'dead') return listDeadLetters(environment, { app, hook, max });
    if (verb !== 'replay') throw new UsageError(`there is no '${verb}'; expected dead or replay`);
    if (app === undefined || hook === undefined)
      throw new UsageError('replay: expected the ids of an app and a hook, as `dead` lists them');
    return replayDeadLetters(environment, { app, hook, to: values.to ?? hook, max });
  },
};

async function work(environment: Environment): Promise<void> {
  const { settings, apps } = readClusterRole(webhooksRoleSettings, environment);
  await runRole({ name: 'webhooks', opsPort: 9102, settings, apps }, openWorker);
}
