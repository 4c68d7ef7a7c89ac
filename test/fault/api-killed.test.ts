import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { startProxy } from '../support/proxy.ts';
import { openClient } from '../truth.ts';

const CHANNEL = 'private-orders';
/** Calls that are out at the same time. */
const CALLERS = 16;
const EVENTS = 400;
/** So many events have been published, and the caller does not know of them, when the node dies. */
const UNANSWERED = CALLERS;

const cluster = await startCluster({ edges: 2, apis: 2 });
after(() => cluster[Symbol.asyncDispose]());

/** As a backend calls that wants to be able to repeat itself; false when there was no good answer. */
async function trigger(api: string, n: number): Promise<boolean> {
  const path = `/apps/${cluster.app.id}/events`;
  const body = JSON.stringify({ name: 'order', channel: CHANNEL, data: String(n) });
  const query = cluster.serverSdk(0).createSignedQueryString({ method: 'POST', path, body });
  try {
    const { status } = await fetch(`${api}${path}?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `order-${n}` },
      body,
    });
    return status === 200;
  } catch {
    return false;
  }
}

describe('an API node that is killed under load', () => {
  it('[FS22] loses and doubles no event of a caller that repeats by another node what was not answered, with the same Idempotency-Key', async () => {
    const [first] = cluster.apis;
    assert.ok(first !== undefined);
    await using path = await startProxy(first.port);
    const seen = [new Map<string, number>(), new Map<string, number>()] as const;
    const clients = await Promise.all(
      seen.map(async (counts, edge) => {
        const client = await openClient(cluster, edge, [CHANNEL]);
        client.transport.on('message', (bytes: Buffer) => {
          const { event, data } = JSON.parse(bytes.toString()) as Record<string, string>;
          if (event === 'order') counts.set(String(data), (counts.get(String(data)) ?? 0) + 1);
        });
        return client;
      }),
    );
    const [known] = seen;

    let next = 0;
    const answered = new Set<number>();
    const repeated: number[] = [];
    const caller = async (): Promise<void> => {
      for (let n = next; n < EVENTS; n = next) {
        next += 1;
        if (await trigger(`http://127.0.0.1:${path.port}`, n)) answered.add(n);
        else {
          repeated.push(n);
          assert.ok(await trigger(cluster.apiUrl(1), n), `the other node refused ${n}`);
        }
      }
    };
    const load = Promise.all(Array.from({ length: CALLERS }, caller));
    await eventually(
      () => answered.size > EVENTS / 4,
      () => `${answered.size} answers`,
    );
    path.freeze('answers');
    await eventually(
      () => [...known.keys()].filter((n) => !answered.has(Number(n))).length >= UNANSWERED,
      () => `${known.size} events came, ${answered.size} of them known to the caller`,
    );
    await first.kill();
    path.cut();
    await load;

    assert.ok(repeated.length >= UNANSWERED, `${repeated.length} calls were repeated`);
    await cluster.serverSdk(1).trigger(CHANNEL, 'last', '');
    for (const client of clients) await client.frames.takeUntil(({ event }) => event === 'last');
    for (const counts of seen) {
      assert.equal(counts.size, EVENTS);
      assert.deepEqual(
        [...counts].filter(([, times]) => times !== 1),
        [],
      );
    }
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});
