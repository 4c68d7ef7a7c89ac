import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertOk,
  assertRefused,
  channelsOf,
  harness,
  hmac,
  KEY,
  makeApp,
  md5,
  NOW_SECONDS,
  sendTo,
  trigger,
  type Harness,
} from './harness.ts';
import { stateWith } from './memory-state.ts';
import { openRaw } from './raw-client.ts';
import { start } from './server-under-test.ts';

const webman = makeApp({ dialect: 'webman' });
const aloud = makeApp({ broadcastEmptyChannel: true });
const names = ['频道/一 号', ' ', '/', '{x}:y', '#general', '100%', '%2F', '..', '?a=b&c', '😀'];
const control = ['a\nb', '\u0000', '\u007f', '\u0085', '', '频'.repeat(201)];
const RULE = 'expected 1 to 200 characters, none of them a control character';

const ofWebman = (): Harness => harness({ apps: [webman] });

describe('Free-form names in triggers', () => {
  it('[WM30] are published as they are, singly, together and in batches', async () => {
    const { send, published } = ofWebman();
    assertOk(
      await send({ body: trigger({ channel: undefined, channels: names, name: '下单 /' }) }),
    );
    assert.deepEqual(
      channelsOf(published[0]),
      names.map((name) => `3/${name}`),
    );
    assert.deepEqual(
      published[0]?.map(({ frame }) => JSON.parse(frame) as unknown),
      names.map((channel) => ({ event: '下单 /', channel, data: 'hello' })),
    );
    const batch = names.map((channel) => ({ name: channel, channel, data: {} }));
    assertOk(await send({ path: '/apps/3/batch_events', body: JSON.stringify({ batch }) }));
    assert.deepEqual(channelsOf(published[1]), channelsOf(published[0]));
  });

  it('[WM30] with control characters, empty or too long, are refused with the rule', async () => {
    const { send, published } = ofWebman();
    for (const name of [...control, '\ud800']) {
      const wrong = [/^Invalid channel name ".*": /s, /^Invalid event name ".*": /s] as const;
      assertRefused(await send({ body: trigger({ channel: name }) }), 400, wrong[0]);
      const reply = await send({ body: trigger({ name }) });
      assertRefused(reply, 400, wrong[1]);
      assert.ok(reply.text.endsWith(`${RULE}\n`), reply.text);
    }
    assert.deepEqual(published, []);
  });

  it('[WM30] are refused in an app of the dialect pusher, where an event may have any name', async () => {
    const { send, published } = harness();
    for (const channel of names.filter((name) => name !== '..'))
      assertRefused(await send({ body: trigger({ channel }) }), 400, /out of A-Z a-z 0-9/);
    assertOk(await send({ body: trigger({ name: 'line\nbreak' }) }));
    assert.equal(published.length, 1);
  });
});

describe('Free-form names in queries', () => {
  const occupied = Object.fromEntries(names.map((name, at) => [name, { sockets: at + 1 }]));

  it('[WM31] a name is asked for percent-encoded, by a path signed as it was sent or decoded', async () => {
    const { send, defects } = harness({ apps: [webman], state: await stateWith(occupied) });
    for (const [at, name] of names.entries()) {
      // Here, unlike on the wire, a Request takes the dots for folders, encoded or not.
      if (name === '..') continue;
      const sentPath = `/apps/3/channels/${encoded(name)}`;
      for (const path of [sentPath, `/apps/3/channels/${name}`]) {
        const params = { info: 'subscription_count' };
        assertOk(
          await send({ method: 'GET', path, sentPath, params }),
          `{"occupied":true,"subscription_count":${at + 1}}`,
        );
      }
      const users = { method: 'GET', path: `${sentPath}/users` };
      assertRefused(await send(users), 400, 'Users can only be retrieved for presence channels');
    }
    for (const name of ['%00', 'a%0Ab', '%7F', '%C2%85'])
      assertRefused(
        await send({ method: 'GET', path: `/apps/3/channels/${name}` }),
        400,
        /^Invalid channel name /,
      );
    assert.deepEqual(defects, []);
  });

  it('[WM31] so are the users of a presence channel', async () => {
    const name = 'presence-房间/1 #';
    const state = await stateWith({ [name]: { sockets: 2, users: { '张/三': 1, b: 1 } } });
    const { send } = harness({ apps: [webman], state });
    const path = `/apps/3/channels/${encoded(name)}/users`;
    assertOk(await send({ method: 'GET', path }), '{"users":[{"id":"张/三"},{"id":"b"}]}');
  });

  it('[WM31] on the wire too, where dots are no folders; raw bytes outside of ASCII are no HTTP', async () => {
    const api = harness({ apps: [webman], state: await stateWith(occupied) });
    await using server = await start(api);
    using client = await openRaw(server.port);
    for (const name of [...names.map(encoded), '..']) {
      client.write(
        `GET ${asTheClass('GET', `/apps/3/channels/${name}`)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      );
      assert.deepEqual((await client.answer()).text, '{"occupied":true}', name);
    }
    client.write('GET /apps/3/channels/频道 HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.deepEqual((await client.answer()).status, 400);
  });

  it('[WM32] the list is filtered by a prefix of any characters', async () => {
    const { send } = harness({ apps: [webman], state: await stateWith(occupied) });
    for (const prefix of ['频道/', '#', '%', '/', ' ', '😀', '']) {
      const filter = {
        method: 'GET',
        path: '/apps/3/channels',
        params: { filter_by_prefix: prefix },
      };
      const reply = await send(filter);
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(
        Object.keys((JSON.parse(reply.text) as { channels: object }).channels).toSorted(),
        names.filter((name) => name.startsWith(prefix)).toSorted(),
      );
    }
  });
});

describe('The channel without a name', () => {
  it('[WM33] is everybody where the app says so: singly, among others and in batches', async () => {
    const { send, published } = harness({ apps: [aloud] });
    assertOk(await send({ body: trigger({ channel: '', socket_id: '1.2' }) }));
    assertOk(await send({ body: trigger({ channel: undefined, channels: ['', 'news', ''] }) }));
    const batch = [{ name: 'e', channel: '', data: 'x' }];
    assertOk(await send({ path: '/apps/3/batch_events', body: JSON.stringify({ batch }) }));
    assert.deepEqual(published.map(channelsOf), [['3/'], ['3/', '3/news'], ['3/']]);
    const [[message] = []] = published;
    assert.equal(message?.frame, '{"event":"my-event","channel":"","data":"hello"}');
    assert.equal(message.except, '1.2');
  });

  it('[WM33] has no counts', async () => {
    const { send } = harness({ apps: [aloud] });
    const body = trigger({
      channel: undefined,
      channels: ['', 'news'],
      info: 'subscription_count',
    });
    assertOk(await send({ body }), '{"channels":{"":{},"news":{"subscription_count":0}}}');
    assertRefused(await send({ method: 'GET', path: '/apps/3/channels/' }), 404, '404 NOT FOUND');
  });

  it('[WM33] is refused where the app does not, whatever its dialect', async () => {
    for (const app of [webman, makeApp()]) {
      const { send, published } = harness({ apps: [app] });
      assertRefused(
        await send({ body: trigger({ channel: '' }) }),
        400,
        /^Invalid channel name ""/,
      );
      const several = trigger({ channel: undefined, channels: ['news', ''] });
      assertRefused(await send({ body: several }), 400, /^Invalid channel name ""/);
      assert.deepEqual(published, []);
    }
  });
});

describe('Requests without a version', () => {
  const body = '{"name":"e","data":"{}","channels":["news"]}';
  const ask = async (api: Harness, path: string, more = '') =>
    sendTo(api.app, asTheClass('POST', path, `body_md5=${md5(body)}${more}`), 'POST', body);

  it('[WM34] as the PHP class sends them, are accepted under its app id and in its dialect', async () => {
    const api = harness();
    assertOk(await ask(api, '/apps/1024/events'));
    assert.deepEqual(channelsOf(api.published[0]), ['3/news']);
    assertOk(await ask(ofWebman(), '/apps/3/events'));
    assertOk(await ask(ofWebman(), '/apps/1024/events'));
  });

  it('[WM34] everywhere else they are refused, and so is another version', async () => {
    const api = harness();
    for (const path of ['/apps/3/events', '/apps/10245/events'])
      assertRefused(await ask(api, path), 401, 'Version required');
    for (const each of [api, ofWebman()]) {
      const query = `auth_version=2.0&body_md5=${md5(body)}`;
      const target = asTheClass('POST', '/apps/1024/events', query);
      assertRefused(await sendTo(each.app, target, 'POST', body), 401, 'Version not supported');
    }
    assert.deepEqual(api.published, []);
  });

  it('[WM34] nothing else of the signature is left out', async () => {
    const api = ofWebman();
    const target = asTheClass('POST', '/apps/1024/events', `body_md5=${md5(body)}`);
    const other = body.replace('news', 'olds');
    assertRefused(await sendTo(api.app, target, 'POST', other), 401, /^Invalid body_md5: /);
    const moved = target.replace('/1024/', '/3/');
    assertRefused(await sendTo(api.app, moved, 'POST', body), 401, /^Invalid signature: /);
    const unbound = asTheClass('POST', '/apps/1024/events');
    assertRefused(await sendTo(api.app, unbound, 'POST', body), 401, 'Missing parameter: body_md5');
    const two = harness({
      apps: [webman, makeApp({ id: '4', keys: [{ key: 'other', secret: 's' }] })],
    });
    assertRefused(await ask(two, '/apps/1024/events'), 404, '404 NOT FOUND');
    assert.deepEqual([...api.published, ...two.published], []);
  });
});

/** The target of a request signed as the PHP class does: sorted, without a version, nothing encoded. */
function asTheClass(method: string, path: string, more = ''): string {
  const own = [`auth_key=${KEY}`, `auth_timestamp=${NOW_SECONDS}`];
  const params = [...own, ...more.split('&').filter((each) => each !== '')].toSorted();
  const signature = hmac(`${method}\n${path}\n${params.join('&')}`);
  const query = params.concat(`auth_signature=${signature}`).toSorted((a, b) => (a < b ? -1 : 1));
  return `${path}?${query.join('&')}`;
}

/** As `rawurlencode` has it; dots too, which some clients take for folders. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E');
}
