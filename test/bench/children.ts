import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves with the match once a line of its output fits. */
  line(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** A server of a benchmark, ended with the scope. */
export function startChild(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Child {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  process.once('exit', () => child.kill('SIGKILL'));
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

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server that listens has such an address
  server.close();
  await once(server, 'close');
  return port;
}

export const benchApp = { APP_ID: '1001', APP_KEY: 'bench-key', APP_SECRET: 'bench-secret' };

/** A redis-server without persistence. */
export async function startBenchRedis(): Promise<Child & { readonly url: string }> {
  const port = await freePort();
  const binary = process.env['FANFARE_REDIS_SERVER'] ?? 'redis-server';
  const child = startChild(binary, ['--port', String(port), '--bind', '127.0.0.1', '--save', '']);
  await child.line(/Ready to accept connections/);
  return {
    ...child,
    url: `redis://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** One role of the built product; resolves when its operations port says that it is ready. */
export async function startRole(role: string, env: NodeJS.ProcessEnv): Promise<Child> {
  const opsPort = await freePort();
  const child = startChild(process.execPath, ['packages/fanfare/bin/fanfare.js', role], {
    ...benchApp,
    LOG_LEVEL: 'warn',
    OPS_PORT: String(opsPort),
    ...env,
  });
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return child;
    if (child.process.exitCode !== null)
      throw new Error(`fanfare ${role} ended before it was ready`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
