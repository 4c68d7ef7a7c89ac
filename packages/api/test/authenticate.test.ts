import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertOk,
  assertRefused,
  harness,
  hmac,
  KEY,
  makeApp,
  md5,
  NOW_SECONDS,
  SECRET,
  sendTo,
  signed,
  signedParams,
  trigger,
  type Signing,
  channelsOf,
} from './harness.ts';

const POST_VECTOR =
  '/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0' +
  '&body_md5=ec365a775a4cd0599faeb73354201b6f' +
  '&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c';
const POST_BODY = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
const GET_VECTOR =
  '/apps/3/channels?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0' +
  '&filter_by_prefix=presence-&info=user_count' +
  '&auth_signature=16819168891cb5dfd72b5c7a5d3d602605b26c6ba1930033b5e2eeeb65010291';
/** What an authenticated query is answered when nobody is there. */
const QUERY_ANSWER = '{"channels":{}}';

/** A request without these parameters, signed with `signature` or not at all. */
function broken(params: NonNullable<Signing['params']>, signature?: string): string {
  const unsigned = signedParams({ body: trigger(), params }).filter(
    ([name]) => name !== 'auth_signature',
  );
  const all = signature === undefined ? unsigned : [...unsigned, ['auth_signature', signature]];
  return `/apps/3/events?${all.map((pair) => pair.join('=')).join('&')}`;
}

function getChannels(body_md5: string): Signing {
  return { method: 'GET', path: '/apps/3/channels', params: { body_md5 } };
}

function withMore(count: number): Signing {
  const more = Array.from({ length: count }, () => ['a[]', ''] as const);
  return { method: 'GET', path: '/apps/3/channels', more };
}

describe('authentication of requests', () => {
  it("[HA4] Pusher's published POST is accepted", async () => {
    const { app, published } = harness();
    assertOk(await sendTo(app, POST_VECTOR, 'POST', POST_BODY));
    assert.equal(
      published[0]?.[0]?.frame,
      JSON.stringify({ event: 'foo', channel: 'project-3', data: '{"some":"data"}' }),
    );
  });

  it("[HA4] Pusher's published GET is accepted", async () => {
    const { app } = harness();
    assertOk(await sendTo(app, GET_VECTOR), QUERY_ANSWER);
  });

  it('[HA2] each missing or wrong parameter is named, in the order of the checks', async () => {
    // Each row repairs what the row before was refused for, and is wrong in all that follows.
    const rows: readonly (readonly [target: string, text: string | RegExp])[] = [
      [
        broken({ auth_key: undefined, auth_version: undefined, auth_timestamp: undefined }),
        'Missing parameter: auth_key',
      ],
      [
        broken({ auth_key: 'nobody', auth_version: undefined, auth_timestamp: undefined }),
        'Unknown auth_key',
      ],
      [broken({ auth_version: undefined, auth_timestamp: undefined }), 'Version required'],
      [broken({ auth_version: '1.1', auth_timestamp: undefined }), 'Version not supported'],
      [broken({ auth_timestamp: undefined }), 'Timestamp required'],
      [broken({ auth_timestamp: '1' }), /^Timestamp expired: /],
      [broken({ body_md5: 'wrong' }), 'Missing parameter: auth_signature'],
      [broken({ body_md5: 'wrong' }, 'wrong'), /^Invalid signature: /],
      [signed({ params: { body_md5: 'wrong' } }), /^Invalid body_md5: /],
    ];
    for (const [target, text] of rows) {
      const { app, published } = harness();
      assertRefused(await sendTo(app, target, 'POST', trigger()), 401, text);
      assert.deepEqual(published, []);
    }
  });

  it('[HA2] a key that cannot be one is unknown, and an array is no key', async () => {
    const { app } = harness();
    for (const key of ['', 'ß', 'a b', 'x'.repeat(65), '__proto__'])
      assertRefused(
        await sendTo(app, signed({ params: { auth_key: key } }), 'POST'),
        401,
        'Unknown auth_key',
      );
    assertRefused(await sendTo(app, '/apps/3/channels?auth_key[]=x'), 401, /auth_key\n$/);
  });

  it('[HA3] a timestamp is accepted up to 599 seconds from now, and refused from 600', async () => {
    for (const [seconds, status] of [
      [599, 200],
      [-599, 200],
      [600, 401],
      [-600, 401],
    ] as const) {
      const { send } = harness();
      const auth_timestamp = String(NOW_SECONDS + seconds);
      const reply = await send({ body: trigger(), params: { auth_timestamp } });
      assert.equal(reply.status, status, `${seconds} seconds`);
    }
  });

  it('[HA3] the text of an expired timestamp has both times', async () => {
    const { send } = harness();
    assertRefused(
      await send({ body: trigger(), params: { auth_timestamp: '1353000000' } }),
      401,
      'Timestamp expired: Given timestamp (2012-11-15T17:20:00Z) not within 600s of server time (2012-11-16T17:49:39Z)',
    );
  });

  it('[HA3] what is no number of seconds is expired', async () => {
    const { send } = harness();
    for (const auth_timestamp of ['', 'now', '-1', '1353088179.5', '1e9', '9'.repeat(400), '0x50a'])
      assertRefused(
        await send({ body: trigger(), params: { auth_timestamp } }),
        401,
        /^Timestamp expired: Given timestamp \(no unix time in seconds\) /,
      );
    assertRefused(
      await send({ body: trigger(), params: { auth_timestamp: '999999999999' } }),
      401,
      /^Timestamp expired: Given timestamp \(\+033658-09-27T01:46:39Z\) /,
    );
  });

  it('[HA5] a request changed after it was signed is refused', async () => {
    const target = signed({ body: trigger(), params: { info: '' } });
    const changed: readonly (readonly [target: string, method: string, body: string])[] = [
      [target.replace('/apps/3/events', '/apps/3/batch_events'), 'POST', trigger()],
      [target.replace('info=', 'info=user_count'), 'POST', trigger()],
      [target.replace('info=&', ''), 'POST', trigger()],
      [`${target}&more=1`, 'POST', trigger()],
      [target, 'POST', trigger({ data: 'other' })],
      [target, 'POST', ''],
      [target.replace('1353088179', '1353088180'), 'POST', trigger()],
      [target.slice(0, -1) + (target.endsWith('0') ? '1' : '0'), 'POST', trigger()],
      [target.slice(0, -1), 'POST', trigger()],
    ];
    for (const [sent, method, body] of changed) {
      const { app, published } = harness();
      const { status } = await sendTo(app, sent, method, body);
      assert.equal(status, 401, sent);
      assert.deepEqual(published, []);
    }
  });

  it('[HA5] a signature in capitals, or by another secret, is wrong', async () => {
    const { app, send } = harness();
    const target = signed({ body: trigger() });
    const signature = target.slice(target.lastIndexOf('=') + 1);
    const capitals = target.replace(signature, signature.toUpperCase());
    assertRefused(await sendTo(app, capitals, 'POST', trigger()), 401, /^Invalid signature: /);
    assertRefused(await send({ body: trigger(), secret: 'other' }), 401, /^Invalid signature: /);
  });

  it('[HA6] an invalid signature is answered with what was to be signed, and not with the right one', async () => {
    const { app } = harness();
    const target = signed({ body: trigger() });
    const right = target.slice(target.lastIndexOf('=') + 1);
    const reply = await sendTo(app, target.replace(right, 'guess'), 'POST', trigger());
    const text = `POST\\n/apps/3/events\\nauth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&body_md5=${md5(trigger())}`;
    assertRefused(
      reply,
      401,
      `Invalid signature: you should have sent HmacSHA256Hex("${text}", your_secret_key), but you sent "guess"`,
    );
    assert.ok(!reply.text.includes(right));
  });

  it('[HA6] what that answer repeats is cut', async () => {
    const { app } = harness();
    const query = `auth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&auth_signature=${'f'.repeat(5000)}&long=${'x'.repeat(5000)}`;
    const { text } = await sendTo(app, `/apps/3/channels?${query}`);
    assert.match(text, /x…", your_secret_key\), but you sent "f{200}…"\n$/);
    assert.ok(text.length < 2400);
  });

  it('[HA8] a body without body_md5 is refused', async () => {
    const { send } = harness();
    assertRefused(
      await send({ body: trigger(), params: { body_md5: undefined } }),
      401,
      'Missing parameter: body_md5',
    );
  });

  it('[HA8] a body_md5 that is not of this body is refused with the MD5 of what came', async () => {
    const { app, published } = harness();
    const reply = await sendTo(app, signed({ body: trigger() }), 'POST', trigger({ data: 'new' }));
    assertRefused(
      reply,
      401,
      `Invalid body_md5: the MD5 of the body received is ${md5(trigger({ data: 'new' }))}, but you sent "${md5(trigger())}"`,
    );
    assert.deepEqual(published, []);
  });

  it('[HA8] a GET may carry the MD5 of nothing, and no other', async () => {
    const { send } = harness();
    assertOk(await send(getChannels(md5(''))), QUERY_ANSWER);
    assertRefused(await send(getChannels(md5('x'))), 401, /^Invalid body_md5: /);
    assertRefused(await send(getChannels('')), 401, /^Invalid body_md5: /);
  });

  it('[HA9] names of parameters count in any case, and are signed in lower case', async () => {
    const { app } = harness();
    const target = signed({ body: trigger() })
      .replace('auth_key=', 'AUTH_Key=')
      .replace('body_md5=', 'Body_MD5=');
    assertOk(await sendTo(app, target, 'POST', trigger()));
  });

  it('[HA9] a name that stands there twice is refused, whatever its case', async () => {
    const { app } = harness();
    for (const [twice, shown] of [
      ['auth_key=a&auth_key=b', 'auth_key'],
      ['auth_key=a&AUTH_KEY=a', 'auth_key'],
      [`auth_key=${KEY}&info=a&Info=b`, 'info'],
    ] as const)
      assertRefused(
        await sendTo(app, `/apps/3/channels?${twice}`),
        401,
        `Repeated parameter: "${shown}"`,
      );
  });

  it('[HA9] a query has at most 250 parameters', async () => {
    const { app, send } = harness();
    assertOk(await send(withMore(246)), QUERY_ANSWER);
    const text = 'The query of this request has more than 250 parameters';
    assertRefused(await send(withMore(247)), 400, text);
    assertRefused(await sendTo(app, `/apps/3/channels?${'a&'.repeat(30_000)}`), 400, text);
  });

  it('[HA10] every active key of an app signs its requests', async () => {
    const keys = [
      { key: KEY, secret: SECRET },
      { key: 'next', secret: 'coming' },
    ];
    const { send } = harness({ apps: [makeApp({ keys })] });
    assertOk(await send({ body: trigger() }));
    assertOk(await send({ body: trigger(), params: { auth_key: 'next' }, secret: 'coming' }));
    assertRefused(
      await send({ body: trigger(), params: { auth_key: 'next' } }),
      401,
      /^Invalid signature/,
    );
  });

  it('[HA10] the key of another app is refused, and an id of no app is no path', async () => {
    const other = makeApp({ id: '4', keys: [{ key: 'four', secret: 'x' }] });
    const { send, published } = harness({ apps: [makeApp(), other] });
    assertRefused(
      await send({ path: '/apps/4/events', body: trigger() }),
      401,
      'Unknown auth_key: it belongs to another app',
    );
    for (const id of ['5', '1024', 'abc', '03'])
      assertRefused(
        await send({ path: `/apps/${id}/events`, body: trigger() }),
        404,
        '404 NOT FOUND',
      );
    assert.deepEqual(published, []);
  });

  it('[HA11] a disabled app is told so, once it has shown who it is', async () => {
    const { send, published } = harness({ apps: [makeApp({ enabled: false })] });
    assertRefused(await send({ body: trigger() }), 403, 'Application disabled');
    assertRefused(await send({ body: trigger(), secret: 'x' }), 401, /^Invalid signature/);
    assert.deepEqual(published, []);
  });

  it("[HA12] app id 1024 of webman's PHP class is accepted as long as one app exists", async () => {
    const { send, published } = harness();
    assertOk(await send({ path: '/apps/1024/events', body: trigger() }));
    assert.equal(published[0]?.[0]?.channel, '3/lobby');
  });

  it("[HA13] the path of Python's terminate_user_connections has no app: the key says which", async () => {
    const { send, published } = harness();
    const path = '/users/7/terminate_connections';
    assertOk(await send({ path, body: '{}' }));
    assert.deepEqual(published.map(channelsOf), [['3/#server-to-user-7']]);
    assertRefused(await send({ path, body: '{}', secret: 'x' }), 401, /^Invalid signature/);
  });

  it('[HA4] the mount prefix is not signed, and outside of it there is nothing', async () => {
    const { send, app } = harness({ pathPrefix: '/push' });
    assertOk(await send({ sentPath: '/push/apps/3/events', body: trigger() }));
    assertRefused(await send({ body: trigger() }), 404, '404 NOT FOUND');
    for (const path of ['/pusher/apps/3/events', '/evil/apps/3/events', '/push'])
      assertRefused(await sendTo(app, path, 'POST'), 404, '404 NOT FOUND');
  });

  it('[HA14] escapes that are none stay as they are', async () => {
    for (const value of ['%', '%zz', '%f', '%u0041', '100%', '%%20']) {
      const text = `GET\n/apps/3/channels\nauth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&v=${value.replace('%20', ' ')}`;
      const query = `auth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&v=${value}&auth_signature=${hmac(text)}`;
      const { app } = harness();
      assertOk(await sendTo(app, `/apps/3/channels?${query}`), QUERY_ANSWER);
    }
  });
});
