import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sign } from '@fanfare/core';
import Pusher from 'pusher';
import { deliver, type Outcome } from '../src/deliver.ts';
import {
  app,
  append,
  clientEvent,
  createOutbox,
  givenWorker,
  occupied,
  pair,
  vacated,
} from './given.ts';
import { deadUrl, startReceiver, type Reply } from './receiver.ts';

const TIMEOUT_MS = 10_000;
const SHORT_MS = 300;

async function post(url: string, timeoutMs = TIMEOUT_MS): Promise<Outcome> {
  const body = '{"time_ms":1,"events":[]}';
  return deliver({ url, headers: { 'Content-Type': 'application/json' }, body, timeoutMs });
}

async function outcomeOf(reply: Reply, timeoutMs = TIMEOUT_MS): Promise<Outcome> {
  await using receiver = await startReceiver(() => reply);
  const outcome = await post(receiver.url, timeoutMs);
  assert.equal(receiver.requests.length, 1);
  return outcome;
}

// They wait more than they work.
describe('One attempt', { concurrency: 4 }, () => {
  for (const status of [200, 201, 202, 204, 299])
    it(`[WH3] ${status} is success`, async () =>
      assert.equal((await outcomeOf(status)).kind, '2xx'));

  const failures: readonly (readonly [status: number, kind: string])[] = [
    [304, '3xx'],
    [400, '4xx'],
    [404, '4xx'],
    [410, '4xx'],
    [500, '5xx'],
    [503, '5xx'],
  ];
  for (const [status, kind] of failures)
    it(`[WH3] ${status} is a failure`, async () =>
      assert.deepEqual(await outcomeOf(status), { kind, text: `status ${status}` }));

  it('[WH3] a redirect is a failure, and nobody goes there', async () => {
    await using elsewhere = await startReceiver();
    for (const status of [301, 302, 303, 307, 308]) {
      const outcome = await outcomeOf((response) =>
        response.writeHead(status, { location: elsewhere.url }).end(),
      );
      assert.deepEqual(outcome, { kind: '3xx', text: `status ${status}` });
    }
    assert.equal((await post(elsewhere.url)).kind, '2xx', 'the marker');
    assert.equal(elsewhere.requests.length, 1);
  });

  it('[WH3] no answer in time is a failure', async () => {
    const outcome = await outcomeOf('hang', SHORT_MS);
    assert.deepEqual(outcome, { kind: 'timeout', text: `no answer within ${SHORT_MS} ms` });
  });

  it('[WH3] a connection that breaks is a failure', async () => {
    assert.equal((await outcomeOf('close')).kind, 'closed');
    assert.equal((await post(await deadUrl())).kind, 'refused');
  });

  it('[WH3] an answer that is no HTTP is a failure', async () => {
    const outcome = await outcomeOf((response) => response.socket?.end('hello\r\n\r\n'));
    assert.equal(outcome.kind, 'error');
  });

  it('[WH3] a huge body is not read to its end', async () => {
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    const outcome = await outcomeOf((response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && written < 1_000 * chunk.length) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    assert.equal(outcome.kind, '2xx');
    assert.ok(written < 500 * chunk.length, `${written} bytes were read`);
  });

  it('[WH3] a 200 whose body never ends or breaks off is success', async () => {
    for (const end of ['hang', 'break'])
      assert.equal(
        (
          await outcomeOf((response) => {
            response.writeHead(200).write('so far', () => {
              if (end === 'break') response.socket?.destroy();
            });
          }, 1_000)
        ).kind,
        '2xx',
      );
  });

  it('[WH6] what the receiver asks for by Retry-After is part of the outcome', async () => {
    assert.deepEqual(
      await outcomeOf((response) => response.writeHead(503, { 'retry-after': '7' }).end()),
      { kind: '5xx', text: 'status 503', retryAfterMs: 7_000 },
    );
  });

  it('[WH1] a name and a password in the address become a header', async () => {
    await using receiver = await startReceiver();
    const url = receiver.url.replace('http://', 'http://user:p%40ss@');
    assert.equal((await post(url)).kind, '2xx');
    const [request] = receiver.requests;
    assert.equal(
      request?.headers.authorization,
      `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    );
  });
});

describe('A webhook request', () => {
  it('[WH1] is taken by the official SDK, which checks headers, signature and body', async () => {
    await using receiver = await startReceiver();
    const hook = { url: `${receiver.url}?tenant=7`, headers: { 'X-Own': 'yes' } };
    const outbox = createOutbox();
    await using _worker = await givenWorker({ outbox, apps: [app([hook])] });
    await append(outbox, occupied('lobby'), clientEvent('private-a', '{"ä":"✓ \u2028"}'));
    await receiver.until(() => receiver.took.length === 2, 'both events');
    const [request] = receiver.requests;
    assert.ok(request);
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/hook?tenant=7');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['user-agent'], 'fanfare');
    assert.equal(request.headers['x-own'], 'yes');
    assert.equal(request.headers['x-pusher-signature'], sign(pair.secret, request.body));
    const options = { appId: '1001', host: '127.0.0.1', ...pair };
    const sdk = new Pusher(options);
    const { headers, body: rawBody } = request;
    const webhook = sdk.webhook({ headers, rawBody });
    assert.equal(webhook.isValid(), true);
    assert.deepEqual(
      webhook.getEvents().map(({ name, channel }) => [name, channel]),
      [
        ['channel_occupied', 'lobby'],
        ['client_event', 'private-a'],
      ],
    );
    assert.equal(webhook.getTime().getTime(), request.timeMs);
    const stranger = new Pusher({ ...options, secret: 'another' });
    assert.equal(stranger.webhook({ headers, rawBody }).isValid(), false);
  });

  it('[WH13] has the names of webman for a hook, or an app, with that dialect', async () => {
    await using receiver = await startReceiver();
    const outbox = createOutbox();
    const apps = [
      app([{ url: receiver.url }, { url: receiver.url, dialect: 'pusher' }], { dialect: 'webman' }),
    ];
    await using _worker = await givenWorker({ outbox, apps });
    await append(
      outbox,
      occupied('lobby'),
      { name: 'member_added', channel: 'presence-a', user_id: '7' },
      { name: 'member_removed', channel: 'presence-a', user_id: '7' },
      vacated('lobby'),
    );
    await receiver.until(() => receiver.took.length === 8, 'all events in both dialects');
    const names = receiver.requests.map(({ events }) => events.map(({ name }) => name));
    assert.deepEqual(
      names.toSorted((a, b) => String(a).localeCompare(String(b))),
      [
        ['channel_added', 'user_added', 'user_removed', 'channel_removed'],
        ['channel_occupied', 'member_added', 'member_removed', 'channel_vacated'],
      ],
    );
  });
});
