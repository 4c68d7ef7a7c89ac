import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rootFile, rootPath } from './deploy-files.ts';
import { PATIENCE_MS } from './sdk.ts';
import { endWithUs } from './support/end-with-us.ts';
import { within } from './support/deadline.ts';
import { freePort } from './support/free-port.ts';

export interface FanfareNginxOptions {
  /** Ports of the servers behind it, on 127.0.0.1. */
  readonly edges: readonly number[];
  readonly apis: readonly number[];
}

/** nginx with deploy/nginx.conf as it stands; only the small files that it includes are the test's. */
export interface FanfareNginx extends AsyncDisposable {
  readonly tlsPort: number;
  readonly plainPort: number;
  /** The self-signed certificate, for those who are to trust it. */
  readonly certificateFile: string;
  readonly certificate: Buffer;
  /** Lets requests end, then ends it and resolves with its access log. No socket may be open. */
  stop(): Promise<string>;
}

export async function startFanfareNginx(options: FanfareNginxOptions): Promise<FanfareNginx> {
  const directory = await mkdtemp(join(tmpdir(), 'fanfare-nginx-'));
  try {
    const ports = { tls: await freePort(), plain: await freePort() };
    await makeCertificate(join(directory, 'certificate'));
    await layOut(directory, ports, options);
    const child = await start(directory);
    const certificateFile = join(directory, 'certificate/tls.crt');
    return {
      tlsPort: ports.tls,
      plainPort: ports.plain,
      certificateFile,
      certificate: await readFile(certificateFile),
      async stop() {
        await end(child, 'SIGQUIT');
        return readFile(join(directory, 'access.log'), 'utf8');
      },
      async [Symbol.asyncDispose]() {
        await end(child, 'SIGTERM');
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** By the script that makes the one of docker-compose.yml. Resolves with what it says. */
export async function makeCertificate(directory: string): Promise<string> {
  const script = rootPath('deploy/certificate.sh');
  const { stdout } = await promisify(execFile)('sh', [script, directory]);
  return stdout;
}

async function layOut(
  directory: string,
  ports: { readonly tls: number; readonly plain: number },
  { edges, apis }: FanfareNginxOptions,
): Promise<void> {
  // The workers of a root's nginx are somebody else, who has to reach the temporary files.
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'fanfare'));
  await mkdir(join(directory, 'temporary'));
  await cp(rootPath('deploy/nginx.conf'), join(directory, 'nginx.conf'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path temporary/${name};\n`)
    .join('');
  const files = {
    machine: `access_log access.log fanfare;\n${temporary}`,
    edges: serversOf('edges', edges),
    apis: serversOf('apis', apis),
    tls: `listen 127.0.0.1:${ports.tls} ssl;\nssl_certificate certificate/tls.crt;\nssl_certificate_key certificate/tls.key;\n`,
    plain: `listen 127.0.0.1:${ports.plain};\n`,
  };
  await Promise.all(
    Object.entries(files).map(([name, text]) =>
      writeFile(join(directory, 'fanfare', `${name}.conf`), text),
    ),
  );
}

/** Addresses in place of the name that Docker resolves; when a server counts as failed stays the same. */
function serversOf(name: 'edges' | 'apis', ports: readonly number[]): string {
  const [, parameters] =
    /^server \w+:\d+ resolve (.+);$/m.exec(rootFile(`deploy/nginx/${name}.conf`)) ?? [];
  if (parameters === undefined) throw new Error(`deploy/nginx/${name}.conf names no server`);
  return ports.map((port) => `server 127.0.0.1:${port} ${parameters};\n`).join('');
}

async function start(directory: string): Promise<ChildProcess> {
  const binary = process.env['FANFARE_NGINX'] ?? 'nginx';
  // At the level notice it says when its first worker starts, and by then its ports are open.
  const directives = 'daemon off; pid nginx.pid; error_log stderr notice;';
  const child = spawn(
    binary,
    ['-p', directory, '-c', join(directory, 'nginx.conf'), '-g', directives],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  endWithUs(child);
  let said = '';
  const started = new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/start worker process \d/.test(said)) resolve();
    });
    child.once('error', (cause) => {
      reject(new Error(`${binary} did not start; is nginx installed?`, { cause }));
    });
    child.once('close', () => reject(new Error(`${binary} ended:\n${said}`)));
  });
  await within(started, PATIENCE_MS, () => `${binary} was not ready:\n${said}`);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  await within(closed, PATIENCE_MS, () => `nginx did not end after ${signal}`);
}
