import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure } from '@fanfare/core';
import { httpErrors } from '../src/index.ts';
import {
  assertOk,
  assertRefused,
  harness,
  hmac,
  KEY,
  NOW_SECONDS,
  sendTo,
  trigger,
} from './harness.ts';

const NOT_FOUND = '404 NOT FOUND';

function padded(bytes: number): string {
  const body = trigger({ pad: '' });
  return body.replace('"pad":""', `"pad":"${'x'.repeat(bytes - body.length)}"`);
}

describe('replies', () => {
  it('[HE1] success is 200 with a JSON object', async () => {
    const { send } = harness();
    assertOk(await send({ body: trigger() }), '{}');
  });

  it('[HE2] the catalogue has an answer for each status, and none without a text', () => {
    for (const [code, error] of Object.entries(httpErrors)) {
      const refusal = (
        error as (...details: readonly string[]) => { status: number; text: string }
      )('x', 'y', 'z');
      assert.equal(refusal.status, error.status, code);
      assert.match(refusal.text, /^[^\n]{5,}\n$/, code);
      assert.ok(error.status >= 400 && error.status < 600, code);
    }
  });

  it('[HE3] a body that is no JSON object is refused', async () => {
    const { send, published } = harness();
    for (const body of ['{', '{"name":"x",}', "{'a':1}", 'name=x', '\ufeff{}', 'NaN', ' '])
      assertRefused(await send({ body }), 400, 'Expected the body to be JSON');
    for (const body of ['[]', '1', '"x"', 'null', 'true', '[{"name":"x"}]'])
      assertRefused(await send({ body }), 400, 'Expected the body to be a JSON object');
    for (const bytes of [[0x22, 0xff, 0x22], [0xc3], [0xed, 0xa0, 0x80]])
      assertRefused(
        await send({ body: Uint8Array.from(bytes) }),
        400,
        'Expected the body to be UTF-8',
      );
    assert.deepEqual(published, []);
  });

  it('[HE3] members that look like a prototype are members like others', async () => {
    const { send, published } = harness();
    const body = '{"__proto__":{"name":"n","data":"d","channel":"c"}}';
    assertRefused(await send({ body }), 400, 'Missing required parameter: name');
    assert.deepEqual(published, []);
  });

  it('[HE4] a body may have one mebibyte', async () => {
    const { send } = harness();
    assertOk(await send({ body: padded(1_048_576) }));
    assertRefused(
      await send({ body: padded(1_048_577) }),
      413,
      'The body of this request exceeds the allowed maximum (1048576 bytes)',
    );
  });

  it('[HE5] an unknown path is 404, without asking who asks', async () => {
    const { app } = harness();
    for (const path of [
      '/',
      '/apps',
      '/apps/3',
      '/apps/3/events/',
      '/apps/3/event',
      '//apps/3/events',
      '/apps//events',
      '/APPS/3/events',
      '/apps/3/channels/a/b/users',
      '/apps/3/%65vents',
      '/%',
      '/users/7',
    ])
      for (const method of ['GET', 'POST'])
        assertRefused(await sendTo(app, path, method), 404, NOT_FOUND);
  });

  it('[HE5] another method on a known path is 405 with those it has', async () => {
    const { app } = harness();
    for (const [path, allowed] of [
      ['/apps/3/events', 'POST'],
      ['/apps/3/batch_events', 'POST'],
      ['/apps/3/users/7/terminate_connections', 'POST'],
      ['/users/7/terminate_connections', 'POST'],
      ['/apps/3/channels', 'GET, HEAD'],
      ['/apps/3/channels/c', 'GET, HEAD'],
      ['/apps/3/channels/c/users', 'GET, HEAD'],
    ] as const)
      for (const method of [
        'PUT',
        'DELETE',
        'PATCH',
        'OPTIONS',
        allowed === 'POST' ? 'GET' : 'POST',
      ]) {
        const reply = await sendTo(app, path, method);
        assertRefused(reply, 405, `405 METHOD NOT ALLOWED: expected ${allowed}`);
        assert.equal(reply.headers.get('allow'), allowed);
      }
  });

  it('[HE6] HEAD is answered like GET, without a body', async () => {
    const { send, app } = harness();
    const known = await send({ method: 'HEAD', path: '/apps/3/channels' });
    assert.deepEqual([known.status, known.text], [200, '']);
    assert.equal((await sendTo(app, '/nowhere', 'HEAD')).status, 404);
    assert.equal((await sendTo(app, '/apps/3/events', 'HEAD')).status, 405);
  });

  it('[HE7] a bus that is away is a 503 that asks to repeat', async () => {
    for (const code of ['unavailable', 'closed'] as const) {
      const { send, failWith, defects } = harness();
      failWith(new Failure(code, 'away'));
      const reply = await send({ body: trigger() });
      assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
      assert.equal(reply.headers.get('retry-after'), '1');
      failWith(undefined);
      assertOk(await send({ body: trigger() }));
      assert.deepEqual(defects, []);
    }
  });

  it('[HE8] an exception nobody expected is a 500, reported once', async () => {
    const { send, failWith, defects } = harness();
    for (const thrown of [new TypeError('secret detail'), 'no error at all']) {
      failWith(thrown);
      assertRefused(await send({ body: trigger() }), 500, 'Internal server error');
      assert.equal(defects.at(-1), thrown);
    }
    assert.equal(defects.length, 2);
    failWith(undefined);
    assertOk(await send({ body: trigger() }));
  });

  it('[HE9] what an answer repeats of a request is quoted, cut, and without control characters', async () => {
    const { send, app } = harness();
    const nasty = `<script>\u0000\u001b[2J\u009b\u202e\u2028\n"${'x'.repeat(5000)}`;
    for (const reply of [
      await send({ body: trigger({ channel: nasty }) }),
      await send({ body: trigger({ name: nasty }) }),
      await send({ body: trigger({ socket_id: nasty }) }),
      await send({ body: trigger({ info: nasty }) }),
      await send({ params: { body_md5: nasty } }),
      await sendTo(
        app,
        `/apps/3/channels?${encodeURIComponent(nasty)}&${encodeURIComponent(nasty)}`,
      ),
    ]) {
      assert.match(reply.text, /"<script>\\u0000\\u001b\[2j\?\?\?\\n\\"x+…"/i);
      assert.doesNotMatch(reply.text.slice(0, -1), /[\p{Cc}\u2028\u202e]/u);
      assert.ok(reply.text.length < 600);
      assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(reply.headers.get('content-type'), 'text/plain; charset=utf-8');
    }
  });

  it('[HE12] inputs that crashed webman are answered', async () => {
    const { app, send, published } = harness();
    assertRefused(await sendTo(app, '/apps/1024/events?auth_key[]=x', 'POST'), 401, /auth_key/);
    assertRefused(await send({ body: '{}' }), 400, 'Missing required parameter: name');
    assertRefused(
      await send({ body: '{"name":"x","data":"y"}' }),
      400,
      'Missing required parameter: channels',
    );
    assertRefused(
      await send({ body: '{"name":"x","channels":["a"]}' }),
      400,
      'Missing required parameter: data',
    );
    assertRefused(
      await send({ path: '/apps/3/batch_events', body: '{"batch":[{"channel":"a","name":"x"}]}' }),
      400,
      'Missing required parameter: data',
    );
    assertRefused(await send({ body: 'no json' }), 400, 'Expected the body to be JSON');
    assertRefused(
      await send({ body: trigger({ channel: '' }) }),
      400,
      /^Invalid channel name "": /,
    );
    assert.deepEqual(published, []);
    assertOk(await send({ body: trigger() }));
  });

  it("[HE12] webman's open doors are shut: an old timestamp, another body, a key without its secret", async () => {
    const { app, send, published } = harness();
    const old = await send({ body: trigger(), params: { auth_timestamp: '1500000000' } });
    assertRefused(old, 401, /^Timestamp expired/);
    const text = `POST\n/apps/3/events\nauth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0`;
    const unbound = `/apps/3/events?auth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&auth_signature=${hmac(text)}`;
    assertRefused(
      await sendTo(app, unbound, 'POST', trigger()),
      401,
      'Missing parameter: body_md5',
    );
    const asked = await send({ body: trigger(), secret: 'guess' });
    const stolen = /you sent "([0-9a-f]{64})"/.exec(asked.text)?.[1];
    assert.equal(stolen !== undefined, true);
    assert.equal(asked.text.match(/[0-9a-f]{64}/g)?.length, 1);
    assert.deepEqual(published, []);
  });
});
