import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { Failure, readSettings, SettingsError } from '@fanfare/core';
import { apiSettings, startApiServer } from '../src/index.ts';
import { deferred, harness, trigger } from './harness.ts';
import { openRaw, within } from './raw-client.ts';
import { assertAnswer, head, post, start } from './server-under-test.ts';

describe('the server', () => {
  it('[AP1] one connection serves request after request', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    for (let turn = 0; turn < 3; turn += 1) {
      client.write(post());
      const answer = await client.answer();
      assertAnswer(answer, 200);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(answer.headers.get('connection'), 'keep-alive');
      assert.equal(answer.headers.get('keep-alive'), 'timeout=75');
      client.write(post({ body: '{}' }));
      assertAnswer(await client.answer(), 400, 'Missing');
    }
    assert.equal(api.published.length, 3);
  });

  it('[AP1] requests sent without waiting are answered in their order', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    const data = ['a', 'b', 'c', 'd'];
    const requests = data.map((text) => post({ body: trigger({ data: text }) }));
    client.write([...requests, post({ body: '[]' }), post()].join(''));
    for (const _ of data) assertAnswer(await client.answer(), 200);
    assertAnswer(await client.answer(), 400, 'Expected the body to be a JSON object');
    assertAnswer(await client.answer(), 200);
    assert.deepEqual(
      api.published.map(([message]) => JSON.parse(message?.frame ?? '').data),
      [...data, 'hello'],
    );
  });

  it('[AP2] a body may come in any pieces, with a length or in chunks', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    for (const byte of Buffer.from(post({ body: trigger({ data: '𝒳' }) })))
      client.write(Uint8Array.of(byte));
    assertAnswer(await client.answer(), 200);
    const body = trigger({ data: 'chunked' });
    client.write(head({ body }, ['Host: x', 'Transfer-Encoding: chunked']));
    for (const piece of [body.slice(0, 5), body.slice(5)])
      client.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    client.write('0\r\n\r\n');
    assertAnswer(await client.answer(), 200);
    assert.deepEqual(
      api.published.map(([message]) => JSON.parse(message?.frame ?? '').data),
      ['𝒳', 'chunked'],
    );
  });

  it('[AP2] a client that expects 100-continue is told to go on', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    const body = trigger();
    client.write(
      head({ body }, ['Host: x', `Content-Length: ${body.length}`, 'Expect: 100-continue']),
    );
    client.write(body);
    assertAnswer(await client.answer(), 200);
  });

  it('[HA1] without a signature no body is waited for', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    client.write('POST /apps/3/events HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n');
    assertAnswer(await client.answer(), 401, 'Missing parameter: auth_key');
  });

  it('[AP3] a body over a mebibyte is refused, and the next request served', async () => {
    const api = harness();
    await using server = await start(api);
    const refused = /^The body of this request exceeds the allowed maximum \(1048576 bytes\)\n$/;
    const huge = 'x'.repeat(1_048_577);
    using declared = await openRaw(server.port);
    declared.write(head({ body: 'x' }, ['Host: x', `Content-Length: ${huge.length}`]));
    const answer = await declared.answer();
    assert.deepEqual([answer.status, refused.test(answer.text)], [413, true]);
    declared.write(huge + post());
    assertAnswer(await declared.answer(), 200);

    using chunked = await openRaw(server.port);
    chunked.write(head({ body: 'x' }, ['Host: x', 'Transfer-Encoding: chunked']));
    chunked.write(`${huge.length.toString(16)}\r\n${huge}\r\n`);
    assertAnswer(await chunked.answer(), 413, 'The body');
    assert.equal(api.published.length, 1);
  });

  it('[AP4] a caller that goes away in its body harms nobody and publishes nothing', async () => {
    let given = deferred();
    const api = harness({ onAnswered: () => given.resolve() });
    await using server = await start(api);
    const whole = post();
    for (const at of [whole.length - 1, whole.length - 30]) {
      using gone = await openRaw(server.port);
      gone.write(whole.slice(0, at));
      using marker = await openRaw(server.port);
      marker.write(post({ body: '[]' }));
      assertAnswer(await marker.answer(), 400, 'Expected');
      given = deferred();
      gone.destroy();
      await within(given.promise, 'an end of the request that was cut off');
      assert.equal(api.answered.at(-1), '/apps/:app/events 400');
    }
    using client = await openRaw(server.port);
    client.write(post({ body: trigger({ data: 'marker' }) }));
    assertAnswer(await client.answer(), 200);
    assert.equal(api.published.length, 1);
    assert.match(api.published[0]?.[0]?.frame ?? '', /marker/);
    assert.deepEqual(api.defects, []);
  });

  it('[AP9] stop answers what is under way, closes the rest, and takes no more', async () => {
    const held = deferred();
    const api = harness({ held: held.promise });
    await using server = await start(api);
    using silent = await openRaw(server.port);
    using idle = await openRaw(server.port);
    idle.write(post({ body: '[]' }));
    assertAnswer(await idle.answer(), 400, 'Expected');
    using busy = await openRaw(server.port);
    busy.write(post());
    using halfway = await openRaw(server.port);
    halfway.write(post().slice(0, 20));
    // What came before this was read before it: both ends are in this process.
    using late = await openRaw(server.port);
    late.write(post({ body: '[]' }));
    assertAnswer(await late.answer(), 400, 'Expected');

    const order: string[] = [];
    const stopping = server.stop().then(() => order.push('stopped'));
    await Promise.all([silent.ended(), idle.ended(), late.ended()]);
    await assert.rejects(openRaw(server.port), /ECONNREFUSED/);
    order.push('answered');
    held.resolve();
    const answer = await busy.answer();
    assertAnswer(answer, 200);
    assert.equal(answer.headers.get('connection'), 'close');
    await busy.ended();
    halfway.write(post().slice(20));
    const last = await halfway.answer();
    assertAnswer(last, 200);
    assert.equal(last.headers.get('connection'), 'close');
    await stopping;
    assert.deepEqual(order, ['answered', 'stopped']);
    await server.stop();
  });

  it('[AP9] stop waits a bounded time', async () => {
    const held = deferred();
    const api = harness({ held: held.promise });
    await using server = await start(api, { stopMs: 50 });
    using busy = await openRaw(server.port);
    busy.write(post());
    using marker = await openRaw(server.port);
    marker.write(post({ body: '[]' }));
    assertAnswer(await marker.answer(), 400, 'Expected');
    await server.stop();
    await busy.ended();
    held.resolve();
  });

  it('[AP10] a port that is taken is a wrong setting', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { app, events } = harness();
    await assert.rejects(
      startApiServer({ host: '127.0.0.1', port, app, events }),
      (error) => error instanceof SettingsError && error.problems.join().startsWith('API_PORT: '),
    );
    taken.close();
  });

  it('[AP10] settings have the documented defaults and forms', () => {
    assert.deepEqual(readSettings(apiSettings, {}), {
      API_HOST: '0.0.0.0',
      API_PORT: 3232,
      API_PATH_PREFIX: '',
    });
    assert.equal(readSettings(apiSettings, { API_PATH_PREFIX: '/a/b' }).API_PATH_PREFIX, '/a/b');
    for (const wrong of [
      { API_PATH_PREFIX: 'push' },
      { API_PATH_PREFIX: '/push/' },
      { API_PORT: '65536' },
    ])
      assert.throws(() => readSettings(apiSettings, wrong), SettingsError);
  });

  it('[HE7] a bus that is away leaves the connection open', async () => {
    const api = harness();
    await using server = await start(api);
    using client = await openRaw(server.port);
    api.failWith(new Failure('unavailable', 'away'));
    client.write(post());
    const answer = await client.answer();
    assertAnswer(answer, 503, 'The cluster is unavailable');
    assert.equal(answer.headers.get('retry-after'), '1');
    api.failWith(undefined);
    client.write(post());
    assertAnswer(await client.answer(), 200);
  });
});
