import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { isSignatureOf } from '@fanfare/core';
import { Hono } from 'hono';
import { withPlayground } from '../src/playground.ts';
import { app, EVENT, FILES, HOST, openPlayground, SECRET } from './open-playground.ts';

describe('Playground: its files', () => {
  it('[PG1] serves the page, its files and pusher-js with their types', async () => {
    const { get } = openPlayground();
    const page = await get('/');
    assert.equal(page.status, 200);
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
    const html = await page.text();
    const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    assert.ok(named.includes('/playground/pusher.js'), `the page names ${named.join(', ')}`);
    for (const path of [...named, ...FILES.map((name) => `/playground/${name}`)]) {
      const file = await get(path);
      assert.equal(file.status, 200, `${path} is served`);
      const type = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }[
        path.split('.')[1] ?? ''
      ];
      assert.ok(type !== undefined && file.headers.get('content-type')?.startsWith(type), path);
    }
    const sdk = createRequire(import.meta.url).resolve(
      'pusher-js/dist/web/pusher-with-encryption.min.js',
    );
    const served = await get('/playground/pusher.js');
    assert.equal(await served.text(), readFileSync(sdk, 'utf8'));
  });

  it('[PG1] tells a browser that its copy is still the same', async () => {
    const { get } = openPlayground();
    const first = await get('/playground/style.css');
    assert.equal(first.headers.get('cache-control'), 'no-cache');
    const etag = first.headers.get('etag') ?? '';
    const again = await get('/playground/style.css', { host: HOST, 'if-none-match': etag });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), '');
    const other = await get('/playground/style.css', { host: HOST, 'if-none-match': '"old"' });
    assert.equal(other.status, 200);
  });

  it('[PG1] tells the page where the edge is', async () => {
    const { get } = openPlayground({ edgePort: 4567, pathPrefix: '/push', tls: true });
    const config = await get('/playground/config.json');
    assert.deepEqual(await config.json(), {
      appId: '1001',
      key: 'playground-key',
      edgePort: 4567,
      pathPrefix: '/push',
      tls: true,
    });
    assert.equal(config.headers.get('cache-control'), 'no-store');
  });

  it('[PG8] serves nothing else, however the path is written', async () => {
    const { get } = openPlayground();
    for (const path of [
      '/playground/../../package.json',
      '/playground/..%2f..%2fpackage.json',
      '/playground/%2e%2e/%2e%2e/package.json',
      '/playground/..%5c..%5cpackage.json',
      '/playground//etc/passwd',
      '/playground/index.html/../../src/playground.ts',
      '/playground/',
      '/playground/nothing.js',
      '/playground/__proto__',
      '/playground/constructor',
    ]) {
      const answer = await get(path);
      assert.equal(answer.status, 404, path);
      assert.doesNotMatch(await answer.text(), /"name": "fanfare"|withPlayground|root:/, path);
    }
  });
});

describe('Playground: what it does not know', () => {
  it("[PG2] hands other paths and methods to the API, and the API's answer back", async () => {
    const seen: string[] = [];
    const api = new Hono<{ Bindings: { mark: string } }>();
    api.all('*', async (c) => {
      seen.push(`${c.req.method} ${c.req.path} ${c.env.mark} ${await c.req.text()}`);
      return c.text('from the api', 418, { 'x-api': 'yes' });
    });
    const routes = withPlayground(api, { app, edgePort: 3131, pathPrefix: '' });
    const ask = async (method: string, path: string) => {
      const body = method === 'GET' ? null : 'body';
      // No Host and no Origin: what a backend sends is none of the playground's business.
      const answer = await routes.request(path, { method, body }, { mark: 'env' });
      assert.equal(answer.status, 418, `${method} ${path}`);
      assert.equal(answer.headers.get('x-api'), 'yes');
      assert.equal(answer.headers.get('content-security-policy'), null);
      assert.equal(await answer.text(), 'from the api');
    };
    await ask('POST', '/apps/1001/events?auth_key=x');
    await ask('GET', '/playground/unknown');
    await ask('GET', '/playground/trigger');
    await ask('POST', '/');
    await ask('PUT', '/playground/auth');
    assert.deepEqual(seen, [
      'POST /apps/1001/events env body',
      'GET /playground/unknown env ',
      'GET /playground/trigger env ',
      'POST / env body',
      'PUT /playground/auth env body',
    ]);
  });
});

describe('Playground: trigger', () => {
  it('[PG3] signs and sends through the real route', async () => {
    const { trigger, published } = openPlayground();
    const answer = await trigger(EVENT);
    assert.equal(answer.status, 200);
    const [message] = published;
    assert.equal(published.length, 1);
    assert.equal(message?.channel, '1001/my-channel');
    assert.deepEqual(JSON.parse(message?.frame ?? ''), {
      event: 'my-event',
      channel: 'my-channel',
      data: '{"hello":"world"}',
    });
  });

  it('[PG3] sends data that is not text as JSON, and the excepted socket along', async () => {
    const { trigger, published } = openPlayground();
    const answer = await trigger({ ...EVENT, data: { a: [1, null] }, socket_id: '12.34' });
    assert.equal(answer.status, 200);
    const frame = JSON.parse(published[0]?.frame ?? '') as { readonly data: unknown };
    assert.equal(frame.data, '{"a":[1,null]}');
    assert.equal(published[0]?.except, '12.34');
  });

  it("[PG3] hands out the API's refusal with its words", async () => {
    const { trigger, published } = openPlayground();
    const name = await trigger({ ...EVENT, channel: 'not a channel' });
    assert.equal(name.status, 400);
    assert.match(await name.text(), /channel/i);
    const large = await trigger({ ...EVENT, data: 'x'.repeat(20_000) });
    assert.equal(large.status, 413);
    assert.match(await large.text(), /10240/);
    assert.deepEqual(published, []);
  });

  it('[PG3] finds the API behind its path prefix', async () => {
    const { trigger, published } = openPlayground({ apiPathPrefix: '/push' });
    assert.equal((await trigger(EVENT)).status, 200);
    assert.equal(published.length, 1);
  });

  it('[PG10] refuses what is no trigger', async () => {
    const { post, published } = openPlayground();
    const deep = `{"channel":"a","event":"b","data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    for (const body of [
      '',
      'no json',
      '[]',
      '{"channel":1}',
      '{"channel":"a","event":"b"}',
      deep,
    ]) {
      const answer = await post('/playground/trigger', body);
      assert.equal(answer.status, 400, body.slice(0, 40));
      assert.notEqual(await answer.text(), '');
    }
    assert.deepEqual(published, []);
  });

  it('[PG10] takes a body of 256 KiB and refuses one byte more', async () => {
    const { post, published } = openPlayground();
    const fits = await post('/playground/trigger', ' '.repeat(262_144));
    assert.equal(fits.status, 400);
    for (const path of ['/playground/trigger', '/playground/auth']) {
      const answer = await post(path, ' '.repeat(262_145));
      assert.equal(answer.status, 413, path);
      assert.match(await answer.text(), /262144/);
    }
    assert.deepEqual(published, []);
  });
});

describe('Playground: authorization', () => {
  it('[PG4] signs for a private channel', async () => {
    const { auth } = openPlayground();
    const answer = await auth('private-room');
    assert.equal(answer.status, 200);
    const body = (await answer.json()) as { readonly auth: string };
    assert.deepEqual(Object.keys(body), ['auth']);
    const [key, signature] = body.auth.split(':');
    assert.equal(key, 'playground-key');
    assert.ok(isSignatureOf(signature ?? '', SECRET, '12.34:private-room'));
  });

  it('[PG4] makes up a user for a presence channel and signs for it', async () => {
    const { auth } = openPlayground();
    const users = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const answer = await auth('presence-team');
      const body = (await answer.json()) as {
        readonly auth: string;
        readonly channel_data: string;
      };
      const { user_id: id } = JSON.parse(body.channel_data) as { readonly user_id: string };
      users.add(id);
      assert.ok(
        isSignatureOf(
          body.auth.split(':')[1] ?? '',
          SECRET,
          `12.34:presence-team:${body.channel_data}`,
        ),
      );
    }
    assert.equal(users.size, 3);
  });

  it('[PG4] refuses everything else in words', async () => {
    const { auth } = openPlayground();
    for (const [channel, socketId, status, words] of [
      ['my-channel', '12.34', 403, /no authorization/],
      ['private-encrypted-a', '12.34', 403, /encrypt/],
      ['#server-to-user-7', '12.34', 403, /no authorization/],
      ['private-a', '', 400, /socket_id/],
      // Signed, this would be a user authentication.
      ['private-a', '12.34::user::{"id":"admin"}', 400, /socket_id/],
      ['private-a:{"user_id":"admin"}', '12.34', 400, /channel_name/],
      ['', '12.34', 400, /channel_name/],
    ] as const) {
      const answer = await auth(channel, socketId);
      assert.equal(answer.status, status, `${channel} for ${socketId}`);
      assert.match(await answer.text(), words);
    }
  });
});
