import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runFanfare, startFanfare } from '../fanfare.ts';
import { freePort } from '../support/free-port.ts';
import { kill, spawnServer, startRedis } from '../support/redis-server.ts';

const directory = await mkdtemp(join(tmpdir(), 'fanfare-'));
after(() => rm(directory, { recursive: true }));
const script = fileURLToPath(new URL('../../deploy/certificate.sh', import.meta.url));
await promisify(execFile)('sh', [script, directory]);
const [certificate, privateKey] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
const trusting = { NODE_EXTRA_CA_CERTS: certificate };

/** A Redis that speaks nothing but TLS, to a user with a password. */
async function startTlsRedis(
  clientsHaveOne: 'yes' | 'no',
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const settings = {
    '--tls-port': String(port),
    '--tls-cert-file': certificate,
    '--tls-key-file': privateKey,
    '--tls-ca-cert-file': certificate,
    '--tls-auth-clients': clientsHaveOne,
  };
  const addresses = ['--bind', '127.0.0.1', '127.0.0.2'];
  const user = ['--user', 'fan', 'on', '>secret-word', '~*', '&*', '+@all'];
  const server = await startRedis(...Object.entries(settings).flat(), ...addresses, ...user);
  return { port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const redis = await startTlsRedis('no');
after(() => redis[Symbol.asyncDispose]());

function env(url: string): Readonly<Record<string, string>> {
  return {
    REDIS_URL: url,
    APP_ID: '7',
    APP_KEY: 'a-key',
    APP_SECRET: 'a-secret',
    EDGE_PORT: '0',
    API_PORT: '0',
    OPS_PORT: '0',
  };
}

describe('fanfare with Redis behind TLS', { concurrency: true }, () => {
  for (const role of ['edge', 'api', 'webhooks']) {
    it(`[RW7] ${role} starts when it trusts the certificate, with user and password`, async () => {
      const url = `rediss://fan:secret-word@127.0.0.1:${redis.port}`;
      await using fanfare = startFanfare([role], { env: { ...env(url), ...trusting } });
      await fanfare.says(/"msg":"started"/);
      fanfare.signal('SIGINT');
      assert.deepEqual(await fanfare.exited(), { code: 0, signal: null });
      assert.doesNotMatch(fanfare.output(), /secret-word/);
    });
  }

  const mistakes = [
    [
      'nobody vouches for the certificate',
      '127.0.0.1',
      {},
      /signed by nobody.*NODE_EXTRA_CA_CERTS/,
    ],
    ['the certificate names another host', '127.0.0.2', trusting, /made out to another name/],
    ['the password is wrong', 'fan:secret-no@127.0.0.1', trusting, /user or password.*WRONGPASS/],
  ] as const;
  for (const [what, host, extra, sentence] of mistakes) {
    it(`[RW7] says in one sentence about REDIS_URL that ${what}, and exits with 2`, async () => {
      const done = await runFanfare(['edge'], {
        env: { ...env(`rediss://${host}:${redis.port}`), ...extra },
      });
      assert.equal(done.code, 2, done.text);
      assert.match(done.stderr, /^ +REDIS_URL: /m);
      assert.match(done.stderr, sentence);
      assert.doesNotMatch(done.text, /secret-no/);
    });
  }

  it('[RW7] says so when Redis wants a certificate of its clients', async () => {
    await using strict = await startTlsRedis('yes');
    const url = `rediss://fan:secret-word@127.0.0.1:${strict.port}`;
    const done = await runFanfare(['edge'], { env: { ...env(url), ...trusting } });
    assert.equal(done.code, 2, done.text);
    assert.match(done.stderr, /REDIS_URL: Redis wants a certificate of its clients/);
  });

  it('[RD27] reaches by rediss+sentinel a master of which sentinels tell that speak TLS too', async () => {
    await using sentinel = await startTlsSentinel(redis.port);
    const url = `rediss+sentinel://fan:secret-word@127.0.0.1:${sentinel.port}/main`;
    await using fanfare = startFanfare(['api'], { env: { ...env(url), ...trusting } });
    await fanfare.says(/"msg":"started"/);
    const untrusting = await runFanfare(['api'], { env: env(url) });
    assert.equal(untrusting.code, 2, untrusting.text);
    assert.match(untrusting.stderr, /REDIS_URL: .*signed by nobody.*NODE_EXTRA_CA_CERTS/);
  });
});

async function startTlsSentinel(
  master: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  const settings = [
    'port 0',
    `tls-port ${port}`,
    'bind 127.0.0.1',
    `tls-cert-file ${certificate}`,
    `tls-key-file ${privateKey}`,
    `tls-ca-cert-file ${certificate}`,
    'tls-auth-clients no',
    'tls-replication yes',
    `sentinel monitor main 127.0.0.1 ${master} 1`,
  ];
  await writeFile(file, `${settings.join('\n')}\n`);
  const child = await spawnServer([file, '--sentinel'], '+monitor master');
  return { port, [Symbol.asyncDispose]: async () => kill(child) };
}
