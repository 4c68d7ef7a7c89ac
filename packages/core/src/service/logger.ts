import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/** Where a secret could stand in a logged object. The lines we write carry none; this is for those of libraries. */
const REDACTED = ['secret', 'auth', 'channel_data', '*.secret', '*.auth', '*.channel_data'];

/**
 * JSON lines on stdout; readable ones when a person is looking. Each is written before the next is
 * made: pino's own way, in the background, mixes up the last lines of a process that fails.
 */
export function createLogger(role: string, level: string): Logger {
  const options = { level, base: { role }, redact: REDACTED };
  if (!process.stdout.isTTY) return pino(options, pino.destination({ dest: 1, sync: true }));
  return pino(
    options,
    pretty({ colorize: true, ignore: 'pid,hostname,role', translateTime: 'HH:MM:ss', sync: true }),
  );
}
