import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { within } from './deadline.ts';
import { endWithUs } from './end-with-us.ts';
import { freePort } from './free-port.ts';

/** A redis-server of the test's own: own port, nothing on disk, gone with the scope. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Kills it unless that was done, and starts another on the same port: empty, unless its settings keep what it held. */
  restart(): Promise<void>;
  kill(): Promise<void>;
  /** Says one command, its words parted by spaces, and resolves with the first line of the answer; empty if it left instead. */
  say(command: string): Promise<string>;
  /** Stopped like a machine without time: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
}

const BINARY = process.env['FANFARE_REDIS_SERVER'] ?? 'redis-server';
const READY_MS = 10_000;
/** Some commands are slow on purpose. */
const ANSWER_MS = 30_000;

const ATTEMPTS = 3;

export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startRedisAt(await freePort(), ...settings);
    } catch (error) {
      // Between the look for a free port and its use, somebody else may have taken it.
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}

export async function startRedisAt(
  port: number,
  ...settings: readonly string[]
): Promise<RedisServer> {
  let child = await spawnRedis(port, settings);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await kill(child);
      child = await spawnRedis(port, settings);
    },
    kill: () => kill(child),
    say: (command) =>
      within(say(port, command), ANSWER_MS, () => `redis-server did not answer ${command}`),
    freeze() {
      child.kill('SIGSTOP');
    },
    thaw() {
      child.kill('SIGCONT');
    },
    async [Symbol.asyncDispose]() {
      await kill(child);
    },
  };
}

async function spawnRedis(port: number, settings: readonly string[]): Promise<ChildProcess> {
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
  return spawnServer([...own, ...settings], 'Ready to accept connections');
}

/** Resolves once it has said that. */
export async function spawnServer(
  args: readonly string[],
  readyWord: string,
): Promise<ChildProcess> {
  // No pipe of ours: whoever runs this file would wait for a server that it left behind.
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pipe(process.stderr);
  endWithUs(child);
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new Error(`${BINARY} did not start: install redis-server 7.0 or newer`, { cause }));
    });
    child.once('close', (code) => {
      reject(new Error(`redis-server ended with ${code} before it was ready:\n${said}`));
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes(readyWord)) resolve();
    });
  });
  await within(ready, READY_MS, () => `redis-server was not ready in time:\n${said}`);
  return child;
}

async function say(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${command}\r\n`);
  let said = '';
  try {
    for await (const chunk of socket) {
      said += String(chunk);
      if (said.includes('\r\n')) break;
    }
  } finally {
    socket.destroy();
  }
  return said.split('\r\n')[0] ?? '';
}

/** Ends it at once, and waits until it has. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
