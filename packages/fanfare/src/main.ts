import { SettingsError } from '@fanfare/core';
import { UsageError } from './arguments.ts';
import { CommandFailed } from './command-failed.ts';
import type { Command } from './commands/command.ts';
import { print, printError } from './print.ts';

interface Entry {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** Loaded when it is used: a trigger needs neither a WebSocket server nor Redis. */
  readonly load: () => Promise<Command>;
}

const commands: readonly Entry[] = [
  {
    name: 'start',
    summary: 'everything in one process; needs nothing, uses Redis when told to',
    load: async () => (await import('./commands/start.ts')).startCommand,
  },
  {
    name: 'edge',
    summary: 'hold client sockets; joined to the cluster by Redis',
    load: async () => (await import('./commands/edge.ts')).edgeCommand,
  },
  {
    name: 'api',
    summary: 'accept signed trigger calls from backends; joined to the cluster by Redis',
    load: async () => (await import('./commands/api.ts')).apiCommand,
  },
  {
    name: 'webhooks',
    summary: 'deliver webhooks; list and replay those that were given up',
    load: async () => (await import('./commands/webhooks.ts')).webhooksCommand,
  },
  {
    name: 'apps',
    summary: 'list and change the apps in Redis while the cluster runs',
    load: async () => (await import('./commands/apps.ts')).appsCommand,
  },
  {
    name: 'trigger',
    summary: 'send an event to a channel through the API',
    load: async () => (await import('./commands/trigger.ts')).triggerCommand,
  },
  {
    name: 'conformance',
    summary: 'ask a server, ours or another, whether it keeps the rules of the protocol',
    load: async () => (await import('./commands/conformance.ts')).conformanceCommand,
  },
  {
    name: 'config',
    summary: 'print the effective settings of a role, secrets masked',
    load: async () => (await import('./commands/config.ts')).configCommand,
  },
];

/** Exit code for what the caller got wrong: an unknown command or option, a wrong setting. */
const EXIT_USAGE = 2;
/** For what cannot be had, though it was asked for correctly. */
const EXIT_FAILED = 1;

/** The command `fanfare`. Resolves when it is done; sets the process' exit code, and never rejects for a caller's mistake. */
export async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    print(overview());
    if (name === undefined) process.exitCode = EXIT_USAGE;
    return;
  }
  const entry = commands.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    printError(`fanfare: there is no command '${name}'\n\n${overview()}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    print(command.help);
    return;
  }
  try {
    await command.run(rest, process.env);
  } catch (error) {
    if (error instanceof CommandFailed) {
      printError(`fanfare ${name}: ${error.message}`);
      process.exitCode = EXIT_FAILED;
      return;
    }
    if (!(error instanceof SettingsError || error instanceof UsageError)) throw error;
    printError(explain(name, error));
    process.exitCode = EXIT_USAGE;
  }
}

function overview(): string {
  const names = commands.map(({ name, summary }) => `  ${name.padEnd(13)}${summary}`);
  return [
    'Usage: fanfare <command> [options]',
    '',
    ...names,
    '',
    'Settings are environment variables; `fanfare <command> --help` lists those of a command.',
  ].join('\n');
}

function explain(name: string, error: SettingsError | UsageError): string {
  if (error instanceof UsageError)
    return `fanfare ${name}: ${error.message}\nSee \`fanfare ${name} --help\`.`;
  const problems = error.problems.map((problem) => `  ${problem}`);
  return [`fanfare ${name}: ${error.message}`, ...problems].join('\n');
}
