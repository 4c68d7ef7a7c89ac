import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { isFailure } from '@fanfare/core';
import { freePort } from '../../../test/support/free-port.ts';
import {
  openRedisBus,
  openRedisPublisher,
  openRedisState,
  type RedisBusOptions,
} from '../src/index.ts';
import { openBus, message, optionsFor } from './bus-under-test.ts';
import { within } from './inbox.ts';
import { startRedis } from './redis-server.ts';

const run = promisify(execFile);
const deaf = { onMessage: (): void => undefined, onUp: (): void => undefined };
const openers = {
  bus: (options: RedisBusOptions) => openRedisBus(options, deaf),
  publisher: openRedisPublisher,
  state: openRedisState,
};

const directory = await mkdtemp(join(tmpdir(), 'fanfare-'));
after(() => rm(directory, { recursive: true }));
const script = fileURLToPath(new URL('../../../deploy/certificate.sh', import.meta.url));
await run('sh', [script, directory]);
const tlsPort = await freePort();
const [certificate, privateKey] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
const pair = ['--tls-cert-file', certificate, '--tls-key-file', privateKey];
const clients = ['--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'];
const server = await startRedis('--tls-port', String(tlsPort), ...pair, ...clients);
after(() => server[Symbol.asyncDispose]());

describe('TLS to Redis', () => {
  for (const [what, open] of Object.entries(openers)) {
    it(`[RW6] a ${what} does not take a certificate that nobody vouches for, and says what to do`, async () => {
      const url = `rediss://fan:secret@127.0.0.1:${tlsPort}`;
      await assertRefused(
        open(optionsFor(url)),
        /nobody whom this process trusts.*NODE_EXTRA_CA_CERTS.*SELF_SIGNED/,
      );
    });
  }

  it('[RW8] a user with a password that needs escaping in a URL is let in, and with another is not', async () => {
    const password = 'p@ss:w/rd ?#%';
    const { client, port } = server;
    await client.call('ACL', 'SETUSER', 'fan', 'on', `>${password}`, '~*', '&*', '+@all');
    const at = `127.0.0.1:${port}`;
    await using bus = await openBus(`redis://fan:${encodeURIComponent(password)}@${at}`);
    const said = message();
    await bus.bus.subscribe(said.channel);
    await bus.bus.publish([said]);
    assert.equal((await bus.heard.next()).frame, said.frame);
    assert.match(String(await client.client('LIST')), / user=fan /);
    for (const wrong of ['fan:secret', 'nobody:secret', 'fan']) {
      for (const open of Object.values(openers))
        await assertRefused(
          open(optionsFor(`redis://${wrong}@${at}`)),
          /does not accept the user or password.*WRONGPASS/,
        );
    }
  });
});

async function assertRefused(opening: Promise<unknown>, sentence: RegExp): Promise<void> {
  await assert.rejects(within(opening, 'it is waited for'), (error) => {
    assert.ok(isFailure(error, 'misconfigured'), inspect(error));
    assert.match(error.message, sentence);
    assert.doesNotMatch(inspect(error, { depth: 9 }), /secret/);
    return true;
  });
}
