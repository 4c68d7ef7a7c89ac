import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { isFailure } from '@fanfare/core';
import { freePort } from '../../../test/support/free-port.ts';
import { openRedisBus, openRedisPublisher } from '../src/index.ts';
import { assertFails, message, optionsFor } from './bus-under-test.ts';
import { NAME, startFakeSentinel, urlOf, type FakeSentinel } from './fake-sentinel.ts';
import { Inbox, within } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis } from './redis-server.ts';

const one = await startRedis();
after(() => one[Symbol.asyncDispose]());
const knows = { port: one.port, epoch: 1 };

const deaf = { onMessage(): void {}, onUp(): void {} };

describe('Opening by sentinels', () => {
  it('[RD8] while no sentinel tells where it is, that is logged and waited for', async () => {
    const port = await freePort();
    const warnings = new Inbox<object>('warning');
    const options = optionsFor(urlOf([{ name: `127.0.0.1:${port}` }]));
    const stopping = new AbortController();
    const log = { ...options.log, warn: warnings.push };
    const opening = openRedisBus({ ...options, log, signal: stopping.signal }, deaf);
    const said = inspect([await warnings.next(), await warnings.next()]);
    assert.match(said, /no sentinel tells where the master is: .*ECONNREFUSED 127\.0\.0\.1/);
    stopping.abort();
    await assertFails(opening, 'closed');
  });

  it('[RD8] it is used once they tell', async () => {
    const sentinels = [await startFakeSentinel(), await startFakeSentinel()];
    for (const sentinel of sentinels) sentinel.freeze();
    const late = await startFakeSentinel({ knows });
    await using proxy = await startLinkProxy(late.port);
    proxy.cut();
    const names = [...sentinels, { name: new URL(proxy.url).host }];
    const opening = openRedisPublisher(optionsFor(urlOf(names), { commandMs: 100 }));
    proxy.heal();
    await using publisher = await within(opening, 'it was not opened');
    await publisher.publish([message()]);
    for (const sentinel of [...sentinels, late]) await sentinel[Symbol.asyncDispose]();
  });

  const misconfigured: readonly (readonly [what: string, rest: string, sentence: RegExp])[] = [
    ['an unknown master', '/other', /know no master named other\..*No such master/],
    ['no password', `/${NAME}`, /want a password.*sentinelPassword.*NOAUTH/],
    ['a wrong one', `/${NAME}?sentinelPassword=mellon`, /do not accept.*WRONGPASS/],
  ];
  for (const [what, rest, sentence] of misconfigured)
    it(`[RD9] ${what} is a mistake when more than half of them say so, and is waited for else`, async () => {
      const wants = what === 'an unknown master' ? {} : { wants: 'sesame' };
      const start = async (): Promise<FakeSentinel> => startFakeSentinel({ ...wants, knows });
      const sentinels = [await start(), await start(), { name: `127.0.0.1:${await freePort()}` }];
      const options = optionsFor(urlOf(sentinels, rest));
      await assert.rejects(within(openRedisPublisher(options), 'it is waited for'), (error) => {
        assert.ok(isFailure(error, 'misconfigured'), inspect(error));
        assert.match(error.message, sentence);
        assert.doesNotMatch(inspect(error, { depth: 9 }), /mellon|sesame/);
        return true;
      });
      await using alone = await start();
      const warnings = new Inbox<object>('warning');
      const stopping = new AbortController();
      const waiting = openRedisPublisher({
        ...optionsFor(urlOf([alone, ...sentinels.slice(2), ...sentinels.slice(2)], rest)),
        log: { ...options.log, warn: warnings.push },
        signal: stopping.signal,
      });
      assert.match(inspect(await warnings.next()), /no sentinel tells where the master is/);
      stopping.abort();
      await assertFails(waiting, 'closed');
      for (const sentinel of sentinels)
        if ('asked' in sentinel) await sentinel[Symbol.asyncDispose]();
    });

  it('[RD9] a server that is no sentinel is a mistake', async () => {
    const opening = openRedisPublisher(optionsFor(urlOf([{ name: `127.0.0.1:${one.port}` }])));
    await assert.rejects(within(opening, 'it is waited for'), /are no sentinels.*unknown command/);
  });

  it('[RD10] user and password of the sentinels are theirs alone', async () => {
    await using server = await startRedis('--requirepass', 'of-redis');
    const known = { port: server.port, epoch: 1 };
    await using sentinel = await startFakeSentinel({ wants: 'eye of-sentinel', knows: known });
    const rest = `/${NAME}?sentinelUser=eye&sentinelPassword=of-sentinel`;
    const url = urlOf([sentinel], rest).replace('//', '//:of-redis@');
    await using publisher = await openRedisPublisher(optionsFor(url));
    await publisher.publish([message()]);
  });

  it('[RD10] with rediss the sentinels speak TLS too, unless the URL says that they do not', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fanfare-'));
    after(() => rm(directory, { recursive: true }));
    const script = fileURLToPath(new URL('../../../deploy/certificate.sh', import.meta.url));
    await promisify(execFile)('sh', [script, directory]);
    const tls = {
      cert: await readFile(join(directory, 'tls.crt')),
      key: await readFile(join(directory, 'tls.key')),
    };
    await using sentinel = await startFakeSentinel({ tls });
    const url = urlOf([sentinel]).replace('redis', 'rediss');
    const opening = openRedisPublisher(optionsFor(url));
    await assert.rejects(within(opening, 'it is waited for'), /certificate.*SELF_SIGNED/);
    await using clear = await startFakeSentinel({ knows });
    const warnings = new Inbox<object>('warning');
    const stopping = new AbortController();
    const options = optionsFor(`${urlOf([clear]).replace('redis', 'rediss')}?sentinelTls=no`);
    const log = { ...options.log, warn: warnings.push };
    const waiting = openRedisPublisher({ ...options, log, signal: stopping.signal });
    // The sentinel was understood; the Redis that it names speaks no TLS.
    await warnings.next();
    assert.equal(clear.asked > 0, true);
    stopping.abort();
    await assertFails(waiting, 'closed');
  });
});
