import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { httpErrors } from '../src/index.ts';
import { harness } from './harness.ts';
import { fuzzRequest, randomOf } from './fuzz-requests.ts';
import { stateWith } from './memory-state.ts';
import { openRaw, type RawClient } from './raw-client.ts';
import { assertAnswer, post, start } from './server-under-test.ts';

const ROUNDS = 600;
const OCCUPIED = {
  'presence-a': { sockets: 2, users: { '1': 2 } },
  lobby: { sockets: 1 },
  '#server-to-user-1': { sockets: 1 },
};
const STATUSES: ReadonlySet<number> = new Set(
  Object.values(httpErrors)
    .map(({ status }) => status)
    .filter((status) => status !== 500),
);

describe('requests of any kind', () => {
  it('[HE13] each is answered from the catalogue, and publishes only with a 200', async () => {
    const given = process.env['FUZZ_SEED'];
    const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
    const random = randomOf(seed);
    const api = harness({ state: await stateWith(OCCUPIED) });
    await using server = await start(api);
    const seen = new Set<number>();
    let answered = 0;
    let client: RawClient = await openRaw(server.port);
    for (let round = 0; round < ROUNDS; round += 1) {
      const request = fuzzRequest(random);
      const before = api.published.length;
      const told = `FUZZ_SEED=${seed}, round ${round}: ${request.toString('latin1').slice(0, 2000)}`;
      client.write(request);
      const { status, text, headers } = await client.answer().catch((cause: unknown) => {
        throw new Error(told, { cause });
      });
      seen.add(status);
      const asks = request.subarray(0, 4).toString() === 'GET ';
      if (status === 200) {
        assert.ok(text.startsWith('{'), told);
        assert.doesNotThrow(() => JSON.parse(text), told);
        answered += asks ? 1 : 0;
      } else {
        assert.ok(STATUSES.has(status), `status ${status} after ${told}`);
        assert.match(text, /^[^\n]+\n$/, told);
      }
      assert.equal(api.published.length - before, status === 200 && !asks ? 1 : 0, told);
      assert.deepEqual(api.defects, [], told);
      if (headers.get('connection') === 'close') {
        client.destroy();
        client = await openRaw(server.port);
      }
    }
    client.write(post());
    assertAnswer(await client.answer(), 200);
    client.destroy();
    assert.ok(answered > 0, `seed ${seed}: no query was answered`);
    for (const status of [200, 400, 401, 404, 405]) assert.ok(seen.has(status), `seed ${seed}`);
  });
});
