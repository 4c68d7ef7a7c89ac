import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { isFailure } from '@fanfare/core';
import { freePort } from '../../../test/support/free-port.ts';
import { openRedisBus, openRedisPublisher, type RedisBusOptions } from '../src/index.ts';
import { versionProblem } from '../src/server-check.ts';
import { assertFails, message, optionsFor } from './bus-under-test.ts';
import { Inbox, within } from './inbox.ts';
import { startLinkProxy } from './link-proxy.ts';
import { startRedis, startRedisAt } from './redis-server.ts';

const deaf = { onMessage: (): void => undefined, onUp: (): void => undefined };
const openers = {
  bus: (options: RedisBusOptions) => openRedisBus(options, deaf),
  publisher: openRedisPublisher,
};

describe('Opening', () => {
  for (const [what, open] of Object.entries(openers)) {
    it(`[RB26] a ${what} waits for a Redis that is not there yet`, async () => {
      const port = await freePort();
      const opening = open(optionsFor(`redis://127.0.0.1:${port}`));
      await using _server = await startRedisAt(port);
      await using link = await within(opening, 'it was not opened');
      assert.equal(link.up, true);
      await link.publish([message()]);
    });

    it(`[RB26] the wait of a ${what} can be ended`, async () => {
      const stopping = new AbortController();
      const url = `redis://127.0.0.1:${await freePort()}`;
      const opening = open({ ...optionsFor(url), signal: stopping.signal });
      stopping.abort();
      await assertFails(opening, 'closed');
    });

    it(`[RB27] a ${what} does not wait where only a setting can help, and does not tell the password`, async () => {
      await using server = await startRedis('--requirepass', 'open-sesame');
      const at = `127.0.0.1:${server.port}`;
      const wrong = [
        [`redis://:mellon@${at}`, /user or password.*WRONGPASS/],
        [`redis://${at}`, /wants a password.*NOAUTH/],
        [`redis://:open-sesame@${at}/99`, /no database/],
        [`http://:open-sesame@${at}`, /^expected redis:/],
        [`redis://:open-sesame@${at}?db=3`, /^expected redis:/],
        ['redis://:open-%zz@localhost', /^expected redis:/],
        ['localhost:6379', /^expected redis:/],
      ] as const;
      for (const [url, sentence] of wrong) {
        await assert.rejects(within(open(optionsFor(url)), `${url} is waited for`), (error) => {
          assert.ok(isFailure(error, 'misconfigured'), inspect(error));
          assert.match(error.message, sentence);
          assert.doesNotMatch(inspect(error, { depth: 9 }), /mellon|sesame|open-%zz/);
          return true;
        });
      }
      await using _right = await open(optionsFor(`redis://:open-sesame@${at}/3`));
    });

    it(`[RB27] a ${what} whose user lacks a permission says so`, async () => {
      await using server = await startRedis();
      const { client } = server;
      await client.call('ACL', 'SETUSER', 'weak', 'on', '>secret', '+@all', '-set', '~*', '&*');
      const opening = open(optionsFor(`redis://weak:secret@127.0.0.1:${server.port}`));
      await assert.rejects(within(opening, 'it is waited for'), (error) => {
        assert.ok(isFailure(error, 'misconfigured'), inspect(error));
        assert.match(error.message, /permission.*NOPERM.*set/);
        assert.doesNotMatch(inspect(error, { depth: 9 }), /secret/);
        return true;
      });
    });

    it(`[RB29] a ${what} refuses a Redis that holds another layout`, async () => {
      await using server = await startRedis();
      await server.client.set('fanfare:layout', '128');
      await assert.rejects(within(open(optionsFor(server.url)), 'it is waited for'), (error) => {
        assert.ok(isFailure(error, 'misconfigured'), inspect(error));
        assert.match(error.message, /layout of 128 partitions/);
        return true;
      });
      assert.equal(await server.client.get('fanfare:layout'), '128');
    });
  }

  it('[RB29] the first process writes the layout, and it stays', async () => {
    await using server = await startRedis();
    await using _first = await openRedisPublisher(optionsFor(server.url));
    await using _second = await openRedisPublisher(optionsFor(server.url));
    assert.equal(await server.client.get('fanfare:layout'), '256');
    assert.equal(await server.client.pttl('fanfare:layout'), -1);
  });

  it('[RB29] a Redis that comes back with another layout is not used until that is corrected', async () => {
    await using server = await startRedis();
    await using proxy = await startLinkProxy(server.port);
    const refusals = new Inbox<object>('refusal in the log');
    const options = optionsFor(proxy.url);
    const log = { ...options.log, error: (fields: object) => refusals.push(fields) };
    await using publisher = await openRedisPublisher({ ...options, log });
    await server.client.set('fanfare:layout', '128');
    proxy.drop();
    assert.match(inspect(await refusals.next()), /layout of 128 partitions/);
    await assertFails(publisher.publish([message()]), 'unavailable');
    await server.client.set('fanfare:layout', '256');
    const back = async (): Promise<void> => {
      while (!publisher.up) await nextTurn();
    };
    await within(back(), 'the publisher did not come back');
    await publisher.publish([message()]);
  });

  it('[RB30] each connection has a name that tells its process and its work', async () => {
    await using server = await startRedis();
    const options = { ...optionsFor(server.url), connectionName: 'fanfare-edge' };
    await using _bus = await openRedisBus(options, deaf);
    const list = String(await server.client.client('LIST'));
    assert.match(list, / name=fanfare-edge:commands /);
    assert.match(list, / name=fanfare-edge:subscriber /);
  });
});

describe('Versions', () => {
  const tooOld = ['6.2.14', '5.0.7', '6.3.4'];
  const fit = ['7.0.0', '7.0.15', '7.4.1', '8.2.0', '10.0.0'];
  for (const version of tooOld) {
    it(`[RB28] Redis ${version} is refused with a sentence that names it`, () => {
      const info = `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`;
      assert.match(versionProblem(info) ?? '', /7\.0 or newer.*Valkey/);
      assert.ok(versionProblem(info)?.includes(version));
    });
  }
  for (const version of fit) {
    it(`[RB28] Redis ${version} is accepted`, () => {
      const info = `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`;
      assert.equal(versionProblem(info), undefined);
    });
  }
  it('[RB28] Valkey is accepted, which names the Redis that it is compatible with', () => {
    const info =
      '# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3\r\n';
    assert.equal(versionProblem(info), undefined);
  });
  it('[RB28] a server that tells no version is refused', () => {
    assert.match(versionProblem('# Server\r\n') ?? '', /no known version/);
    assert.match(versionProblem('redis_version:unknown\r\n') ?? '', /unknown/);
  });
});
