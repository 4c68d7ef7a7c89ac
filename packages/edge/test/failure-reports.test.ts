import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { askToSignIn } from './signed-in.ts';

/** What a socket may wait for, and how that comes to nothing. */
const WAITS: Readonly<Record<string, (client: Client, bus: ControlledBus) => Promise<() => void>>> =
  {
    async 'the bus'(client, bus) {
      client.subscribe('lobby');
      const asked = await bus.asked.next();
      return () => asked.fail();
    },
    async 'the last event of a cache channel'(client, bus) {
      client.subscribe('cache-a');
      (await bus.asked.next()).answer();
      const read = await bus.recalls.next();
      return () => read.fail();
    },
    async 'a sign-in'(client, bus) {
      askToSignIn(client, '{"id":"u1"}');
      const asked = await bus.asked.next();
      return () => asked.fail();
    },
  };

describe('What a socket waited for when it went', () => {
  for (const [what, begin] of Object.entries(WAITS))
    it(`[FZ2] is reported as failed to nobody: ${what}`, async () => {
      const bus = new ControlledBus();
      const failed: unknown[] = [];
      await using edge = await startTestEdge({
        openBus: () => bus,
        edge: { recall: { retryMs: 1, patienceMs: 0 } },
        events: { subscribeFailed: (error) => failed.push(error) },
      });
      await failAfter(edge, bus, begin, async (client) => {
        client.socket.terminate();
        await edge.until(({ connections }) => connections === 0, 'the socket has gone');
      });
      await edge.until(({ channels }) => channels === 0, 'nothing is left of it');
      assert.deepEqual(failed, []);
      const stays = await failAfter(edge, bus, begin, async () => {});
      assert.equal((await stays.closedWith()).code, 4200);
      assert.equal(failed.length, 1);
    });
});

async function failAfter(
  edge: EdgeUnderTest,
  bus: ControlledBus,
  begin: (client: Client, bus: ControlledBus) => Promise<() => void>,
  meanwhile: (client: Client) => Promise<void>,
): Promise<Client> {
  const client = await edge.connect();
  const fail = await begin(client, bus);
  await meanwhile(client);
  fail();
  return client;
}
