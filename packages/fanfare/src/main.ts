import { SettingsError } from '@fanfare/core';
import { UsageError } from './arguments.ts';
import { apiCommand } from './commands/api.ts';
import type { Command } from './commands/command.ts';
import { configCommand } from './commands/config.ts';
import { edgeCommand } from './commands/edge.ts';
import { startCommand } from './commands/start.ts';
import { triggerCommand } from './commands/trigger.ts';
import { print, printError } from './print.ts';

const commands: readonly Command[] = [
  startCommand,
  edgeCommand,
  apiCommand,
  triggerCommand,
  configCommand,
];

/** Exit code for what the caller got wrong: an unknown command or option, a wrong setting. */
const EXIT_USAGE = 2;

/** The command `fanfare`. Resolves when it is done; sets the process' exit code, and never rejects for a caller's mistake. */
export async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    print(overview());
    if (name === undefined) process.exitCode = EXIT_USAGE;
    return;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    printError(`fanfare: there is no command '${name}'\n\n${overview()}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    print(command.help);
    return;
  }
  try {
    await command.run(rest, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof UsageError)) throw error;
    printError(explain(command, error));
    process.exitCode = EXIT_USAGE;
  }
}

function overview(): string {
  const names = commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return [
    'Usage: fanfare <command> [options]',
    '',
    ...names,
    '',
    'Settings are environment variables; `fanfare <command> --help` lists those of a command.',
  ].join('\n');
}

function explain(command: Command, error: SettingsError | UsageError): string {
  if (error instanceof UsageError)
    return `fanfare ${command.name}: ${error.message}\nSee \`fanfare ${command.name} --help\`.`;
  const problems = error.problems.map((problem) => `  ${problem}`);
  return [`fanfare ${command.name}: ${error.message}`, ...problems].join('\n');
}
