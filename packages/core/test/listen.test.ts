import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { listen } from '../src/index.ts';
import { problemsOf } from './given.ts';

describe('Listen', () => {
  it('[SE7] it resolves with a server that listens, on a port of its own where 0 was asked for', async () => {
    const server = createServer();
    await listen(server, '127.0.0.1', 0, 'API_PORT');
    assert.equal(server.listening, true);
    assert.notEqual((server.address() as AddressInfo).port, 0);
    server.close();
  });

  it('[SE7] a port that is taken on one address is not had on all of them either', async () => {
    const [one, all] = [createServer(), createServer()];
    await listen(one, '127.0.0.1', 0, 'API_PORT');
    try {
      const { port } = one.address() as AddressInfo;
      assert.deepEqual(await problemsOf(() => listen(all, '0.0.0.0', port, 'API_PORT')), [
        `API_PORT: cannot listen on 0.0.0.0:${port}: the port is taken`,
      ]);
      assert.equal(all.listening, false);
    } finally {
      one.close();
    }
  });

  it('[SE7] an address of another machine is told apart from a port that is taken', async () => {
    // Set aside for documentation (RFC 5737), so no machine has it.
    assert.deepEqual(await problemsOf(() => listen(createServer(), '192.0.2.1', 0, 'API_PORT')), [
      'API_PORT: cannot listen on 192.0.2.1:0: this machine has no such address',
    ]);
  });
});
