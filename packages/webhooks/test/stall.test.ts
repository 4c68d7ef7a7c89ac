import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { deliver, type Outcome } from '../src/deliver.ts';
import { inTime } from './given.ts';

/** Long enough that a busy machine gets the request out within it. */
const TIMEOUT_MS = 2_000;

const [FREE, STALLED] = [0, 1];
const stage = new Int32Array(new SharedArrayBuffer(4));

/** A receiver in a thread of its own: it answers the requests to `/late` while nothing moves here. */
const receiver = new Worker(
  `const { createServer } = require('node:http');
  const { parentPort, workerData } = require('node:worker_threads');
  const server = createServer((request, response) => {
    if (request.url === '/late') {
      parentPort.postMessage('request');
      Atomics.wait(workerData, 0, ${FREE}, ${10 * TIMEOUT_MS});
    }
    response.writeHead(200).end();
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
  { eval: true, workerData: stage },
);
after(() => receiver.terminate());
const [port] = (await inTime(once(receiver, 'message'), 'the receiver')) as [number];

async function post(path: string): Promise<Outcome> {
  const url = `http://127.0.0.1:${port}${path}`;
  return deliver({ url, headers: {}, body: '{}', timeoutMs: TIMEOUT_MS });
}

describe('A worker that stands still', () => {
  it('[WH26] takes the answer that came meanwhile, though it reads it too late', async () => {
    // The first request of a process takes longer than others.
    await post('/');
    const untilMs = performance.now() + TIMEOUT_MS + 500;
    const outcome = post('/late');
    await inTime(once(receiver, 'message'), 'the request');
    Atomics.store(stage, 0, STALLED);
    Atomics.notify(stage, 0);
    Atomics.wait(stage, 0, STALLED, untilMs - performance.now());
    assert.deepEqual(await outcome, { kind: '2xx', text: 'status 200' });
  });
});
