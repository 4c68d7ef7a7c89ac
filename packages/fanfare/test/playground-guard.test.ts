import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT, FILES, HOST, openPlayground, OWN, SECRET } from './open-playground.ts';

describe('Playground: who may ask', () => {
  it('[PG5] takes a POST of its own page only', async () => {
    const { trigger, auth, published } = openPlayground();
    for (const headers of [
      { host: HOST },
      { host: HOST, origin: 'null' },
      { host: HOST, origin: 'https://evil.example' },
      { host: HOST, origin: 'http://localhost:8080' },
      { host: HOST, origin: `http://${HOST}.evil.example` },
      { host: HOST, origin: `http://evil.example/${HOST}` },
      { host: HOST, 'sec-fetch-site': 'cross-site', origin: `http://${HOST}` },
      { host: HOST, 'sec-fetch-site': 'same-site' },
      { host: HOST, 'sec-fetch-site': 'none' },
    ]) {
      for (const answer of [
        await trigger(EVENT, headers),
        await auth('private-a', '12.34', headers),
      ]) {
        assert.equal(answer.status, 403, JSON.stringify(headers));
        assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
        assert.match(await answer.text(), /page of the playground/);
      }
    }
    assert.deepEqual(published, []);
    // Browsers without fetch metadata, and those that talk to an address without TLS.
    assert.equal((await trigger(EVENT, { host: HOST, origin: `http://${HOST}` })).status, 200);
    assert.equal((await trigger(EVENT, OWN)).status, 200);
    assert.equal(published.length, 2);
  });

  it('[PG6] answers under a loopback host only, or the one it was told', async () => {
    const { get, trigger, auth } = openPlayground({ host: '192.168.1.20' });
    for (const host of [
      'localhost',
      'LOCALHOST:3232',
      '127.0.0.1:3232',
      '127.8.9.10:3232',
      '[::1]:3232',
      '192.168.1.20:3232',
    ])
      assert.equal((await get('/', { host })).status, 200, host);
    for (const host of [
      'evil.example',
      'evil.example:3232',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '127.evil.example',
      '127.0.0.1@evil.example',
      '192.168.1.21:3232',
      '[::2]:3232',
      'localhost:3232 evil',
      '',
    ]) {
      // What a rebound page sends: to the browser it is all of one origin.
      const headers = { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
      for (const answer of [
        await get('/', headers),
        await get('/playground/config.json', headers),
        await get('/playground/main.js', headers),
        await trigger(EVENT, headers),
        await auth('private-a', '12.34', headers),
      ]) {
        assert.equal(answer.status, 403, host);
        assert.match(await answer.text(), /localhost only/);
      }
    }
    assert.equal((await openPlayground().get('/', {})).status, 403, 'no Host at all');
  });

  it('[PG6] takes an IPv6 address it was told', async () => {
    const { get } = openPlayground({ host: 'fd00::20' });
    assert.equal((await get('/', { host: '[fd00::20]:3232' })).status, 200);
    assert.equal((await get('/', { host: '[fd00::21]:3232' })).status, 403);
  });

  it('[PG7] gives the secret away in no answer', async () => {
    for (const { headers, text } of await answersOfEveryKind()) {
      assert.ok(!text.includes(SECRET), text);
      assert.ok(!JSON.stringify([...headers]).includes(SECRET));
    }
  });

  it('[PG9] locks every answer up', async () => {
    for (const { headers } of await answersOfEveryKind()) {
      const policy = headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'; script-src 'self';/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(policy, /connect-src 'self' ws: wss:;/);
      assert.match(policy, /require-trusted-types-for 'script'/);
      assert.doesNotMatch(policy, /unsafe/);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.deepEqual(
        [...headers.keys()].filter((name) => name.startsWith('access-control-')),
        [],
      );
    }
  });
});

async function answersOfEveryKind() {
  const { get, post, trigger, auth } = openPlayground();
  const answers = [
    await get('/'),
    await get('/playground/config.json'),
    await get('/playground/pusher.js'),
    ...(await Promise.all(FILES.map((name) => get(`/playground/${name}`)))),
    await trigger(EVENT),
    await trigger({ ...EVENT, channel: '' }),
    await trigger(EVENT, { host: HOST, origin: 'https://evil.example' }),
    await post('/playground/trigger', 'no json'),
    await auth('private-room'),
    await auth('presence-room'),
    await auth('my-channel'),
    await get('/', { host: 'evil.example' }),
  ];
  return Promise.all(
    answers.map(async (answer) => ({ headers: answer.headers, text: await answer.text() })),
  );
}
