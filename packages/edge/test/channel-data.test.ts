import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authFor, startTestEdge } from './edge-under-test.ts';
import { askFor, dataOf, presenceOf, ROOM } from './presence-cluster.ts';

describe('channel_data', () => {
  it('[PS1] is signed as it was received', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const data = '  {"user_info": {"b":1, "a":  2},\n"user_id" :"u","x":[]} ';
    askFor(client, data);
    assert.deepEqual(presenceOf(await client.nextFrame()).hash, { u: { b: 1, a: 2 } });
    await using other = await edge.connect();
    const { auth } = authFor(other.id, ROOM, { channelData: data });
    other.subscribe(ROOM, { auth, channel_data: data.trim() });
    const message = await other.nextError();
    assert.match(message, /^Invalid signature: Expected HMAC SHA256 hex digest of /);
    await other.nextSubscriptionError('AuthError', message, 401, ROOM);
  });

  it('[PS1] is needed, and so is auth', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    client.subscribe(ROOM, { channel_data: dataOf('u') });
    assert.equal(await client.nextError(), `Auth info required to subscribe to ${ROOM}`);
    await client.nextFrame();
    client.subscribe(ROOM, { auth: 'nobody:0', channel_data: dataOf('u') });
    assert.equal(await client.nextError(), "Invalid key in subscription auth data: 'nobody'");
    await client.nextFrame();
    client.subscribe(ROOM, authFor(client.id, ROOM));
    assert.equal(await client.nextError(), 'Missing parameter: data.channel_data');
    await client.nextSubscriptionError(
      'RequestError',
      'Missing parameter: data.channel_data',
      400,
      ROOM,
    );
    assert.equal(edge.counters.channels, 0);
  });

  const id =
    'Invalid user_id in channel_data: expected text of 1 to 128 characters or a whole number below 2^53';
  const info =
    'user_info supplied to presence subscription is invalid - if supplied it must be a type of hash';
  const json = 'Invalid parameter: data.channel_data must be an object as JSON';
  const tooLarge = 'user_info supplied to presence subscription is larger than 1024 bytes';
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const refused: readonly (readonly [rule: string, channelData: string, message: string])[] = [
    ['PS2', 'no JSON', json],
    ['PS2', '{"user_id":"u"', json],
    ['PS2', '["u"]', json],
    ['PS2', '"u"', json],
    ['PS2', 'null', json],
    ['PS2', '7', json],
    ['PS2', nested, json],
    ['PS2', '{}', id],
    ['PS2', '{"user_id":null}', id],
    ['PS2', '{"user_id":""}', id],
    ['PS2', '{"user_id":true}', id],
    ['PS2', '{"user_id":1.5}', id],
    ['PS2', '{"user_id":9007199254740992}', id],
    ['PS2', '{"user_id":-9007199254740992}', id],
    ['PS2', '{"user_id":1e400}', id],
    ['PS2', '{"user_id":["u"]}', id],
    ['PS2', '{"user_id":{"id":"u"}}', id],
    ['PS2', `{"user_id":"${'u'.repeat(129)}"}`, id],
    ['PS2', String.raw`{"user_id":"half \ud800"}`, id],
    ['PS2', '{"__proto__":{"user_id":"u"}}', id],
    ['PS3', '{"user_id":"u","user_info":[]}', info],
    ['PS3', '{"user_id":"u","user_info":"Ann"}', info],
    ['PS3', '{"user_id":"u","user_info":false}', info],
    ['PS3', '{"user_id":"u","user_info":0}', info],
    ['PS3', `{"user_id":"u","user_info":{"a":${nested}}}`, tooLarge],
    ['PS3', `{"user_id":"u","user_info":{"a":"${'x'.repeat(1017)}"}}`, tooLarge],
    ['PS3', `{"user_id":"u","user_info":{"a":"${'ü'.repeat(509)}"}}`, tooLarge],
  ];
  for (const [rule, channelData, message] of refused)
    it(`[${rule}] ${shown(channelData)} is refused and takes no place`, async () => {
      await using edge = await startTestEdge();
      await using client = await edge.connect();
      askFor(client, channelData);
      assert.equal(await client.nextError(), message);
      await client.nextSubscriptionError('RequestError', message, 400, ROOM);
      await client.nothingBefore('the socket stays open');
      assert.equal(edge.counters.channels, 0);
    });

  const taken: readonly (readonly [rule: string, channelData: string, hash: object])[] = [
    ['PS2', '{"user_id":9007199254740991}', { '9007199254740991': {} }],
    ['PS2', '{"user_id":-5}', { '-5': {} }],
    ['PS2', '{"user_id":1e3}', { '1000': {} }],
    ['PS2', '{"user_id":0}', { '0': {} }],
    ['PS2', `{"user_id":"${'u'.repeat(128)}"}`, { ['u'.repeat(128)]: {} }],
    ['PS2', '{"user_id":"first","user_id":"last"}', { last: {} }],
    ['PS3', '{"user_id":"u","user_info":{}}', { u: {} }],
    ['PS3', '{"user_id":"u","user_info":null}', { u: {} }],
    [
      'PS3',
      `{"user_id":"u","user_info":{"a":"${'x'.repeat(1016)}"}}`,
      { u: { a: 'x'.repeat(1016) } },
    ],
    [
      'PS3',
      `{"user_id":"u","user_info":{"a": "${'ü'.repeat(508)}"}}`,
      { u: { a: 'ü'.repeat(508) } },
    ],
    [
      'PS3',
      String.raw`{"user_id":"u","user_info":{"a":"\ud800\u0000"}}`,
      { u: { a: '\ud800\u0000' } },
    ],
  ];
  for (const [rule, channelData, hash] of taken)
    it(`[${rule}] ${shown(channelData)} is taken`, async () => {
      await using edge = await startTestEdge();
      await using client = await edge.connect();
      askFor(client, channelData);
      assert.deepEqual(presenceOf(await client.nextFrame()).hash, hash);
    });
});

function shown(text: string): string {
  return text.length > 50 ? `${text.slice(0, 45)}… (${text.length})` : text;
}
