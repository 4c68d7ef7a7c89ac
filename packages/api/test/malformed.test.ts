import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred, harness } from './harness.ts';
import { openRaw } from './raw-client.ts';
import { assertAnswer, post, start } from './server-under-test.ts';

describe('the server and what is no proper request', () => {
  it('[AP5] who does not finish its headers, or its body, is told and let go', async () => {
    const api = harness();
    await using server = await start(api, { headersMs: 200, requestMs: 400, checkMs: 20 });
    for (const slow of ['', 'POST /apps/3/ev', post().slice(0, -1)]) {
      using client = await openRaw(server.port);
      client.write(slow);
      const answer = await client.answer();
      assertAnswer(answer, 408, 'The request was not received in time');
      assert.equal(answer.headers.get('connection'), 'close');
      await client.ended();
    }
    assert.deepEqual(api.published, []);
  });

  it('[AP5] a connection without requests is kept for a time, and then closed', async () => {
    const api = harness();
    await using server = await start(api, { keepAliveMs: 1000 });
    using client = await openRaw(server.port);
    client.write(post());
    const answer = await client.answer();
    assertAnswer(answer, 200);
    assert.equal(answer.headers.get('keep-alive'), 'timeout=1');
    await client.ended();
  });

  it('[AP6] what is no HTTP is answered in HTTP, and the connection closed', async () => {
    const api = harness();
    await using server = await start(api);
    for (const nonsense of [
      'nonsense\r\n\r\n',
      '\u0000\u0001\u0002\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /a b HTTP/1.1\r\n\r\n',
      'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
      'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'CONNECT example.com:443 HTTP/1.1\r\n\r\n',
    ]) {
      using client = await openRaw(server.port);
      client.write(nonsense);
      assertAnswer(await client.answer(), 400, 'Expected an HTTP/1.1 request');
      await client.ended();
    }
  });

  it('[AP6] requests before the nonsense are answered first', async () => {
    const held = deferred();
    const api = harness({ held: held.promise });
    await using server = await start(api);
    using client = await openRaw(server.port);
    client.write(`${post()}nonsense\r\n\r\n`);
    using other = await openRaw(server.port);
    other.write(post({ body: '[]' }));
    assertAnswer(await other.answer(), 400, 'Expected');
    held.resolve();
    assertAnswer(await client.answer(), 200);
    assertAnswer(await client.answer(), 400, 'Expected an HTTP/1.1 request');
    await client.ended();
  });

  it('[AP6] also when some of those were answered already', async () => {
    const held = deferred();
    const api = harness({ held: held.promise });
    await using server = await start(api);
    using client = await openRaw(server.port);
    client.write(post({ body: '[]' }) + post());
    assertAnswer(await client.answer(), 400, 'Expected the body');
    client.write('nonsense\r\n\r\n');
    using other = await openRaw(server.port);
    other.write(post({ body: '[]' }));
    assertAnswer(await other.answer(), 400, 'Expected the body');
    held.resolve();
    assertAnswer(await client.answer(), 200);
    assertAnswer(await client.answer(), 400, 'Expected an HTTP/1.1 request');
  });

  it('[AP7] a request line and headers over 64 KiB are refused', async () => {
    const api = harness();
    await using server = await start(api);
    const params = { name: 'n', data: 'ß'.repeat(5120), channel: 'c' };
    using fits = await openRaw(server.port);
    fits.write(post({ params }));
    assertAnswer(await fits.answer(), 200);
    using over = await openRaw(server.port);
    over.write(`GET /${'x'.repeat(65_536)} HTTP/1.1\r\n\r\n`);
    assertAnswer(await over.answer(), 431, 'The request line and headers exceed');
  });

  it('[AP8] targets and hosts of any form are answered with a text', async () => {
    const api = harness();
    await using server = await start(api);
    for (const [request, status] of [
      ['GET / HTTP/1.1\r\n\r\n', 404],
      ['GET / HTTP/1.0\r\n\r\n', 404],
      ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
      ['GET / HTTP/1.1\r\nHost: [::1]:99999\r\n\r\n', 400],
      ['GET /apps/3/../3/channels HTTP/1.1\r\nHost: x\r\n\r\n', 404],
      ['OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      ['OPTIONS /apps/3/events HTTP/1.1\r\nHost: x\r\n\r\n', 405],
      ['GET http://x/apps/3/events HTTP/1.1\r\nHost: x\r\n\r\n', 405],
      ['GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      ['GET /%ff%2f%00 HTTP/1.1\r\nHost: x\r\n\r\n', 404],
      ['GET /\\evil HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      [
        'GET /apps/3/channels HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        401,
      ],
      ['GET /apps/3/channels HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 401],
      ['PURGE /apps/3/events HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ] as const) {
      using client = await openRaw(server.port);
      client.write(request);
      const answer = await client.answer();
      assert.equal(answer.status, status, request);
      assert.match(answer.text, /^[^\n]+\n$/);
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    }
    assert.deepEqual(api.defects, []);
  });
});
