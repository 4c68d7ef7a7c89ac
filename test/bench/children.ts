import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../support/end-with-us.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves with the match once a line of its output fits. */
  line(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** A server of a benchmark, ended with the scope. */
export function startChild(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  endWithUs(child);
  return {
    pid: child.pid ?? -1,
    process: child,
    line: async (pattern) =>
      new Promise((resolve, reject) => {
        const onLine = (text: string): void => {
          const match = pattern.exec(text);
          if (match === null) return;
          lines.off('line', onLine);
          resolve(match);
        };
        lines.on('line', onLine);
        child.once('exit', (code) =>
          reject(new Error(`${command} ${args.join(' ')} ended with ${code}`)),
        );
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
