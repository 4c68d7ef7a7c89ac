import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createMetrics, createReadiness, startOpsServer, type OpsServer } from '../src/index.ts';
import { inTime, problemsOf } from './given.ts';

const HOST = '127.0.0.1';

function start(readiness = createReadiness(), port = 0): Promise<OpsServer> {
  return startOpsServer({ host: HOST, port, readiness, metrics: createMetrics('test') });
}

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: string;
}

async function get(ops: OpsServer, path: string, method = 'GET'): Promise<Answer> {
  const answered = fetch(`http://${HOST}:${ops.port}${path}`, { method });
  const response = await inTime(answered, `an answer to ${path}`);
  const { status, headers } = response;
  return { status, type: headers.get('content-type'), body: await response.text() };
}

describe('Operations server', () => {
  it('[SE5] /livez says ok as long as the process runs, ready or not', async () => {
    const readiness = createReadiness();
    readiness.add(() => 'not yet');
    await using ops = await start(readiness);
    assert.deepEqual(await get(ops, '/livez'), { status: 200, type: 'text/plain', body: 'ok\n' });
    assert.equal((await get(ops, '/livez?probe=1')).status, 200);
    assert.equal((await get(ops, '/livez', 'HEAD')).status, 200);
  });

  it('[SE5] /readyz is asked anew each time, and gives the reasons', async () => {
    const readiness = createReadiness();
    let reason: string | undefined;
    readiness.add(() => reason);
    readiness.add(() => (reason === undefined ? undefined : 'and "another"'));
    await using ops = await start(readiness);
    const ready = { status: 200, type: 'application/json', body: '{"ready":true,"reasons":[]}\n' };
    assert.deepEqual(await get(ops, '/readyz'), ready);
    reason = 'the bus is away';
    assert.deepEqual(await get(ops, '/readyz'), {
      status: 503,
      type: 'application/json',
      body: '{"ready":false,"reasons":["the bus is away","and \\"another\\""]}\n',
    });
    reason = undefined;
    assert.deepEqual(await get(ops, '/readyz'), ready);
  });

  it('[SE5] /readyz warns of what is wrong and no reason to take a process out', async () => {
    const readiness = createReadiness();
    let wrong: string | undefined = 'the state is away';
    readiness.warn(() => wrong);
    await using ops = await start(readiness);
    const warned = await get(ops, '/readyz');
    assert.equal(warned.status, 200);
    assert.equal(warned.body, '{"ready":true,"reasons":[],"warnings":["the state is away"]}\n');
    wrong = undefined;
    assert.equal((await get(ops, '/readyz')).body, '{"ready":true,"reasons":[]}\n');
  });

  it('[SE5] /metrics is the Prometheus text, with the role at every figure', async () => {
    await using ops = await start();
    const { status, type, body } = await get(ops, '/metrics');
    assert.equal(status, 200);
    assert.match(type ?? '', /^text\/plain; version=0\.0\.4/);
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.ok(lines.some((line) => line.startsWith('process_resident_memory_bytes{')));
    for (const line of lines)
      assert.match(line, /^[a-z_:][a-z0-9_:]*\{(.*,)?role="test"(,.*)?\} \S+$/i);
  });

  it('[SE5] every other path is not found', async () => {
    await using ops = await start();
    for (const path of ['/', '/livez/', '/LIVEZ', '//livez', '/__proto__', '/../livez/x', '/%'])
      assert.equal((await get(ops, path)).status, 404, path);
  });

  it('[SE5] a check that throws is answered with 500, and the next probe is answered too', async () => {
    const readiness = createReadiness();
    readiness.add(() => {
      throw new Error('the check is broken');
    });
    await using ops = await start(readiness);
    const { status, body } = await get(ops, '/readyz');
    assert.equal(status, 500);
    assert.equal(body, 'Error: the check is broken\n');
    assert.equal((await get(ops, '/livez')).status, 200);
  });

  it('[SE5] it stops although a connection is held open, and stopping again is nothing', async () => {
    const ops = await start();
    const held = connect(ops.port, HOST);
    held.on('error', () => {
      // Being reset is as good as being closed.
    });
    await once(held, 'connect');
    const closed = once(held, 'close');
    await inTime(ops[Symbol.asyncDispose](), 'the stop');
    await inTime(ops[Symbol.asyncDispose](), 'the second stop');
    await inTime(closed, 'the end of the connection');
    await assert.rejects(get(ops, '/livez'), /fetch failed/);
  });

  it('[SE7] a port that another program has is an error that names the setting', async () => {
    const other = createServer().listen(0, HOST);
    await once(other, 'listening');
    try {
      const { port } = other.address() as AddressInfo;
      assert.deepEqual(await problemsOf(() => start(createReadiness(), port)), [
        `OPS_PORT: cannot listen on ${HOST}:${port}: the port is taken`,
      ]);
    } finally {
      other.close();
    }
  });

  it('[SE7] a port that another process of ours has is not shared with it', async () => {
    await using first = await start();
    assert.deepEqual(await problemsOf(() => start(createReadiness(), first.port)), [
      `OPS_PORT: cannot listen on ${HOST}:${first.port}: the port is taken`,
    ]);
    assert.equal((await get(first, '/livez')).status, 200);
  });
});
