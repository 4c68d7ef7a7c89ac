import type { Environment } from '@fanfare/core';

/** One verb of the command line. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /** Rejects with a UsageError or a SettingsError for what the caller got wrong. */
  run(argv: readonly string[], environment: Environment): Promise<void>;
}
