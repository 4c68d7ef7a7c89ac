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
  sendTo,
  trigger,
} from './harness.ts';
import { stateWith } from './memory-state.ts';

const AUTH = `auth_key=${KEY}&auth_timestamp=${NOW_SECONDS}&auth_version=1.0`;
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

interface Quirk {
  readonly sdk: string;
  readonly method: 'GET' | 'POST';
  /** The path as it is signed. */
  readonly path: string;
  readonly sentPath?: string;
  /** What stands in the string to sign. */
  readonly signs: string;
  /** What stands in the URL, `SIGNATURE` in place of it. */
  readonly sends: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is answered where that is not `{}`. */
  readonly answer?: string;
}

const channels = '/apps/3/channels';
const events = '/apps/3/events';
const body = trigger();
const bodyMd5 = `body_md5=${md5(body)}`;

/** One socket in the lobby, and three of two users in a presence channel. */
const OCCUPIED = {
  'presence-a=b;c@d,e': { sockets: 3, users: { '1': 1, '2': 2 } },
  lobby: { sockets: 1 },
};
const COUNTED = '{"channels":{"presence-a=b;c@d,e":{"user_count":2,"subscription_count":3}}}';
const EMPTY_ROOM = '{"occupied":false,"user_count":0,"subscription_count":0}';
const NONE = '{"channels":{}}';

const quirks: readonly Quirk[] = [
  {
    sdk: 'node: nothing is escaped, neither signed nor sent; the signature is last',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=presence-a=b;c@d,e&info=user_count,subscription_count`,
    sends: `${AUTH}&filter_by_prefix=presence-a=b;c@d,e&info=user_count,subscription_count&auth_signature=SIGNATURE`,
    answer: COUNTED,
  },
  {
    sdk: 'php: values are escaped in the URL and plain in the signature; a Content-Type on GETs',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=presence-&info=user_count,subscription_count`,
    sends: `${AUTH}&filter_by_prefix=presence-&info=user_count%2Csubscription_count&auth_signature=SIGNATURE`,
    headers: { 'content-type': 'application/json' },
    answer: COUNTED,
  },
  {
    sdk: 'php: an array is joined where it is signed and numbered where it is sent',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=presence-&info=user_count,subscription_count`,
    sends: `${AUTH}&filter_by_prefix=presence-&info%5B0%5D=user_count&info%5B1%5D=subscription_count&auth_signature=SIGNATURE`,
    answer: COUNTED,
  },
  {
    sdk: 'python: the MD5 of nothing is sent and signed with a GET',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&body_md5=${EMPTY_MD5}`,
    sends: `auth_key=${KEY}&body_md5=${EMPTY_MD5}&auth_version=1.0&auth_signature=SIGNATURE&auth_timestamp=${NOW_SECONDS}`,
    answer: '{"channels":{"presence-a=b;c@d,e":{},"lobby":{}}}',
  },
  {
    sdk: 'python: a space is signed as itself and sent as a plus',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=two words`,
    sends: `${AUTH}&filter_by_prefix=two+words&auth_signature=SIGNATURE`,
    answer: NONE,
  },
  {
    sdk: '.NET: the signature comes first, and the content type has a charset',
    method: 'POST',
    path: events,
    signs: `${AUTH}&${bodyMd5}`,
    sends: `auth_signature=SIGNATURE&${AUTH}&${bodyMd5}`,
    body,
    headers: { 'content-type': 'application/json; charset=utf-8' },
  },
  {
    sdk: 'java: parameters in no order, path and values escaped, signed decoded',
    method: 'GET',
    path: '/apps/3/channels/presence-a@b,c',
    sentPath: '/apps/3/channels/presence-a%40b%2Cc',
    signs: `${AUTH}&info=user_count,subscription_count`,
    sends: `info=user_count%2Csubscription_count&auth_signature=SIGNATURE&auth_version=1.0&auth_timestamp=${NOW_SECONDS}&auth_key=${KEY}`,
    answer: EMPTY_ROOM,
  },
  {
    sdk: 'java: path and values escaped, and signed as they are sent',
    method: 'GET',
    path: '/apps/3/channels/presence-a%40b',
    signs: `${AUTH}&info=user_count%2Csubscription_count`,
    sends: `${AUTH}&info=user_count%2Csubscription_count&auth_signature=SIGNATURE`,
    answer: EMPTY_ROOM,
  },
  {
    sdk: 'go: signs plain and sends escaped',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=presence-&info=user_count,subscription_count`,
    sends: `auth_key=${KEY}&auth_signature=SIGNATURE&auth_timestamp=${NOW_SECONDS}&auth_version=1.0&filter_by_prefix=presence-&info=user_count%2Csubscription_count`,
    answer: COUNTED,
  },
  {
    sdk: 'ruby: Channel#info([]) sends an empty info',
    method: 'GET',
    path: '/apps/3/channels/lobby',
    signs: `${AUTH}&info=`,
    sends: `${AUTH}&info=&auth_signature=SIGNATURE`,
    answer: '{"occupied":true}',
  },
  {
    sdk: 'ruby: an array is a repeated name[], signed in the order given',
    method: 'GET',
    path: channels,
    signs: `${AUTH}&filter_by_prefix=presence-&info[]=user_count&info[]=subscription_count`,
    sends: `${AUTH}&filter_by_prefix=presence-&info[]=user_count&info[]=subscription_count&auth_signature=SIGNATURE`,
    answer: COUNTED,
  },
  {
    sdk: 'curl: a form content type on a JSON body',
    method: 'POST',
    path: events,
    signs: `${AUTH}&${bodyMd5}`,
    sends: `${AUTH}&${bodyMd5}&auth_signature=SIGNATURE`,
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  {
    sdk: 'webman: app id 1024 and names in UTF-8',
    method: 'GET',
    path: '/apps/1024/channels',
    signs: `${AUTH}&filter_by_prefix=频道`,
    sends: `${AUTH}&filter_by_prefix=%E9%A2%91%E9%81%93&auth_signature=SIGNATURE`,
    answer: NONE,
  },
];

describe('requests of the official SDKs', () => {
  for (const quirk of quirks)
    it(`[HA15] ${quirk.sdk}`, async () => {
      const { app } = harness({ state: await stateWith(OCCUPIED) });
      const reply = await sendTo(
        app,
        targetOf(quirk),
        quirk.method,
        quirk.body,
        quirk.headers && { headers: quirk.headers },
      );
      assertOk(reply, quirk.answer);
    });

  for (const quirk of quirks)
    it(`[HA7] but not with another signature: ${quirk.sdk}`, async () => {
      const { app, published } = harness({
        apps: [makeApp({ keys: [{ key: KEY, secret: 'x' }] })],
      });
      const reply = await sendTo(app, targetOf(quirk), quirk.method, quirk.body);
      assertRefused(reply, 401, /^Invalid signature: /);
      assert.deepEqual(published, []);
    });

  for (const [signs, sends, data] of [
    ['a+b', 'a+b', 'a+b'],
    ['a b', 'a+b', 'a b'],
    ['a b', 'a%20b', 'a b'],
    ['a%20b', 'a%20b', 'a b'],
    ['a+b', 'a%2Bb', 'a+b'],
    ['a%2Bb', 'a%2Bb', 'a+b'],
    ['%41', '%2541', '%41'],
    ['a+b c', 'a%2Bb+c', 'a+b c'],
    ['x&y=z', 'x%26y%3Dz', 'x&y=z'],
  ] as const)
    it(`[HA7] signed as ${signs} and sent as ${sends}, a value is read as ${data}`, async () => {
      const { app, published } = harness();
      const target = targetOf({
        sdk: '',
        method: 'POST',
        path: events,
        signs: parameters(signs),
        sends: `${parameters(sends)}&auth_signature=SIGNATURE`,
      });
      assertOk(await sendTo(app, target, 'POST'));
      assert.equal(published[0]?.[0]?.frame, JSON.stringify({ event: 'n', channel: 'c', data }));
    });

  it('[HA7] what no reading explains stays refused', async () => {
    const { app } = harness();
    for (const [signs, sends] of [
      ['a-b', 'a+b'],
      ['a b', 'a%2Bb'],
      ['A', '%2541'],
    ]) {
      const target = targetOf({
        sdk: '',
        method: 'GET',
        path: channels,
        signs: `${AUTH}&v=${signs}`,
        sends: `${AUTH}&v=${sends}&auth_signature=SIGNATURE`,
      });
      assertRefused(await sendTo(app, target), 401, /^Invalid signature: /);
    }
  });
});

function parameters(data: string): string {
  return `${AUTH}&channel=c&data=${data}&name=n`;
}

function targetOf({ method, path, sentPath, signs, sends }: Quirk): string {
  const signature = hmac(`${method}\n${path}\n${signs}`);
  return `${sentPath ?? path}?${sends.replace('SIGNATURE', signature)}`;
}
