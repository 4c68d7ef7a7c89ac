import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { PROCESS_PATIENCE_MS } from './sdk.ts';
import { endWithUs } from './support/end-with-us.ts';
import { within } from './support/deadline.ts';

const COMMAND = fileURLToPath(new URL('../packages/fanfare/bin/fanfare.js', import.meta.url));

/** How much of what a process said stands in the message of a test that failed. */
const TAIL_CHARS = 4_000;

export interface FanfareOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The temporary folder of the system unless given. */
  readonly cwd?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The command `fanfare` as a user runs it, as built by `tsc -b`. */
export interface Fanfare extends AsyncDisposable {
  readonly pid: number;
  /** All that it has written so far, to stdout and to stderr. */
  output(): string;
  /** What it wrote to stdout or to stderr alone. */
  stream(name: 'stdout' | 'stderr'): string;
  /** Waits until its output, from a position on, matches. */
  says(pattern: RegExp, from?: number): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  exited(): Promise<Ending>;
}

export function startFanfare(argv: readonly string[], options: FanfareOptions = {}): Fanfare {
  const child = spawn(process.execPath, [COMMAND, ...argv], {
    cwd: options.cwd ?? tmpdir(),
    // Nothing of this process' own environment may decide what is tested.
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithUs(child);
  const text = { both: '', stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text.both += chunk;
      text[name] += chunk;
      changed();
    });
  }
  let ending: Ending | undefined;
  const closed = once(child, 'close').then(([code, signal]: unknown[]): Ending => {
    ending = { code: code as number | null, signal: signal as NodeJS.Signals | null };
    changed();
    return ending;
  });
  const tail = (): string => text.both.slice(-TAIL_CHARS);
  const name = `fanfare ${argv.join(' ')}`;

  return {
    pid: child.pid ?? 0,
    output: () => text.both,
    stream: (of) => text[of],
    async says(pattern, from = 0) {
      const found = new Promise<RegExpExecArray>((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text.both.slice(from));
          if (match !== null) resolve(match);
          else if (ending !== undefined)
            reject(new Error(`${name} ended (${ending.code ?? ending.signal}):\n${tail()}`));
          else return;
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      });
      return within(found, PROCESS_PATIENCE_MS, () => `${name} did not say ${pattern}:\n${tail()}`);
    },
    signal: (signal) => void child.kill(signal),
    exited: () => within(closed, PROCESS_PATIENCE_MS, () => `${name} did not end:\n${tail()}`),
    async [Symbol.asyncDispose]() {
      if (ending === undefined) child.kill('SIGKILL');
      await closed;
    },
  };
}

export interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for messages. */
  readonly text: string;
}

/** Runs a command that ends by itself. */
export async function runFanfare(
  argv: readonly string[],
  options: FanfareOptions = {},
): Promise<Done> {
  await using fanfare = startFanfare(argv, options);
  const { code } = await fanfare.exited();
  return {
    code,
    stdout: fanfare.stream('stdout'),
    stderr: fanfare.stream('stderr'),
    text: fanfare.output(),
  };
}
