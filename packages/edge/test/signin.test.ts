import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { succeeded, type Client } from './client.ts';
import { authFor, startTestEdge } from './edge-under-test.ts';
import { membersIn, presenceOf, ROOM, startCluster } from './presence-cluster.ts';
import { askToSignIn, nextSuccess, signedIn, signIn, userChannel } from './signed-in.ts';

const OWN = userChannel('7');

describe('Signing in', () => {
  it('[US1] the golden transcript, byte for byte', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    askToSignIn(client, '{"id":"7"}');
    assert.equal(
      await client.next(),
      String.raw`{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"7\\\"}\"}"}`,
    );
    client.sendFrame({ event: 'pusher:subscribe', data: { auth: '', channel: OWN } });
    assert.equal(await client.next(), succeeded(OWN));
    const frame = await edge.trigger(OWN);
    assert.equal(await client.next(), frame);
  });

  it('[US1] the data is signed and repeated exactly as it came, by any of the app’s keys', async () => {
    await using edge = await startTestEdge();
    const texts = [
      ' { "id" : "7" , "x" : 1.0 } ',
      '{"id":"\\u0037","user_info":{"n":"ü 😀\u2028"}}',
      '{"id":"7","id":"8"}',
    ];
    for (const keyIndex of [0, 1])
      for (const text of texts) {
        await using client = await edge.connect();
        askToSignIn(client, text, { keyIndex });
        await nextSuccess(client, text);
      }
  });

  it('[US1] a wrong key or signature is refused, never with the right one, and the socket stays', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const data = '{"id":"7"}';
    askToSignIn(client, data, { auth: 'nokey:dead' });
    assert.equal(await client.nextError(), "Invalid key in signin auth data: 'nokey'");
    askToSignIn(client, data, { auth: 'other-key:dead' });
    assert.equal(await client.nextError(), "Invalid key in signin auth data: 'other-key'");
    for (const signature of ['dead', '', 'f'.repeat(64)]) {
      askToSignIn(client, data, { auth: `main-key:${signature}` });
      assert.equal(
        await client.nextError(),
        `Invalid signature: Expected HMAC SHA256 hex digest of ${client.id}::user::${data}, but got ${signature}`,
      );
    }
    // That of a channel is none of a user, whatever its name.
    const { auth } = authFor(client.id, 'private-a');
    askToSignIn(client, data, { auth });
    assert.match(await client.nextError(), /^Invalid signature/);
    assert.equal(edge.counters.channels, 0);
    await signIn(client, '7');
  });

  const ids = ['""', '7', 'null', 'true', '["7"]', '{}', '"a b"', '"a:b"', '"ü"', '"\\ud800"'];
  const unfit: readonly (readonly [text: string, message: RegExp])[] = [
    ...['', 'x', '[]', '"7"', 'null', '7'].map((text) => [text, /user_data must be an/] as const),
    ['{}', /^Invalid id in user_data: expected text of 1 to 200 characters/],
    [`{"id":"${'u'.repeat(201)}"}`, /^Invalid id in user_data/],
    ...ids.map((id) => [`{"id":${id}}`, /^Invalid id in user_data/] as const),
    ...['1', '"x"', '[]', 'true'].map(
      (info) => [`{"id":"7","user_info":${info}}`, /^Invalid user_info in user_data/] as const,
    ),
    ...['1', '"8"', '{}', '[8]', '[null]', '[""]', '["a b"]', `["${'u'.repeat(201)}"]`].map(
      (list) => [`{"id":"7","watchlist":${list}}`, /^Invalid watchlist in user_data/] as const,
    ),
  ];
  it('[US2] user_data of another form is refused, and the socket is not signed in', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    for (const [text, message] of unfit) {
      askToSignIn(client, text);
      assert.match(await client.nextError(), message, text);
    }
    client.subscribe(OWN);
    assert.match(await client.nextError(), /^Only a connection that is signed in/);
    await client.nextFrame();
    assert.deepEqual([edge.counters.signedIn, edge.counters.channels], [0, 0]);
  });

  it('[US2] the longest id, and what may be left out', async () => {
    await using edge = await startTestEdge();
    const longest = 'u'.repeat(200);
    for (const rest of [
      {},
      { user_info: null, watchlist: null },
      { user_info: {}, watchlist: [] },
    ]) {
      await using client = await edge.connect();
      await signIn(client, longest, rest);
      await client.nothingBefore('nothing is said of nobody');
    }
    await using deep = await edge.connect();
    askToSignIn(deep, `{"id":"7","user_info":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`);
    assert.equal((await deep.nextFrame()).event, 'pusher:signin_success');
  });

  it('[US3] again with the same id is a success, with another it is refused', async () => {
    await using cluster = await startCluster();
    await using client = await signedIn(cluster.one, '7');
    await signIn(client, '7', { user_info: { n: 2 } });
    askToSignIn(client, '{"id":"8"}');
    assert.match(await client.nextError(), /signed in as another user already$/);
    await cluster.untilCounted(1, OWN);
    const frame = await cluster.one.trigger(OWN);
    assert.equal(await client.next(), frame);
    await cluster.one.trigger(userChannel('8'));
    client.subscribe(ROOM, authFor(client.id, ROOM));
    const presence = presenceOf(await client.nextFrame());
    assert.deepEqual(presence, { count: 1, ids: ['7'], hash: { 7: { n: 2 } } });
  });

  it('[US4] every socket of the user gets an event once, on both edges, and nobody else', async () => {
    await using cluster = await startCluster();
    const { one, two } = cluster;
    await using a = await signedIn(one, '7');
    await using b = await signedIn(two, '7');
    await using c = await signedIn(two, '7');
    await using other = await signedIn(two, '70');
    await using nobody = await one.connect();
    // Before, while and after it has subscribed.
    for (const client of [b, c]) await client.join(OWN);
    const first = await one.trigger(OWN);
    for (const client of [a, b, c]) assert.equal(await client.next(), first);
    c.unsubscribe(OWN);
    await c.nothingBefore('unsubscribe has no answer');
    const second = await two.trigger(OWN, { except: a.id });
    for (const client of [b, c]) assert.equal(await client.next(), second);
    for (const client of [a, b, c, other, nobody]) await client.nothingBefore('nothing else');
    await cluster.untilCounted(3, OWN);
  });

  it('[US4] only the own channel is subscribed to, once, and only by who is signed in', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const refused = async (channel: string): Promise<void> => {
      // A signature is not what it takes.
      client.subscribe(channel, authFor(client.id, channel));
      const message = await client.nextError();
      assert.match(message, /^Only a connection that is signed in as the user may subscribe to #/);
      await client.nextSubscriptionError('AuthError', message, 401, channel);
    };
    await refused(OWN);
    client.unsubscribe(OWN);
    assert.match(await client.nextError(), /^No current subscription to channel #/);
    await signIn(client, '7');
    await refused(userChannel('8'));
    client.unsubscribe(OWN);
    assert.match(await client.nextError(), /^No current subscription to channel #/);
    await client.join(OWN);
    client.subscribe(OWN);
    assert.equal(await client.nextError(), `Existing subscription to channel ${OWN}`);
    client.unsubscribe(OWN);
    await client.join(OWN);
    client.sendFrame({ event: 'client-x', channel: OWN, data: '' });
    assert.match(await client.nextError(), /^Client event rejected - only supported/);
    assert.equal(edge.counters.subscriptions, 1);
  });

  it('[US5] a presence channel right behind the signin, without channel_data', async () => {
    await using cluster = await startCluster();
    await using client = await cluster.one.connect();
    askToSignIn(client, '{"id":"7","user_info":{"n":"A"}}');
    client.subscribe(ROOM, authFor(client.id, ROOM));
    assert.equal((await client.nextFrame()).event, 'pusher:signin_success');
    const presence = presenceOf(await client.nextFrame());
    assert.deepEqual(presence, { count: 1, ids: ['7'], hash: { 7: { n: 'A' } } });
    await using given = await signedIn(cluster.two, '8');
    const channelData = '{"user_id":"9"}';
    given.subscribe(ROOM, authFor(given.id, ROOM, { channelData }));
    assert.deepEqual(presenceOf(await given.nextFrame()).ids, ['7', '9']);
    assert.deepEqual(await membersIn(cluster.store), ['7', '9']);
  });

  it('[US5] without a signin, with too long an id or too much user_info it is refused', async () => {
    await using edge = await startTestEdge();
    await using nobody = await edge.connect();
    await refusedRoom(nobody, /^Missing parameter: data\.channel_data$/);
    await using long = await signedIn(edge, 'u'.repeat(129));
    await refusedRoom(long, /^The id of the signed-in user is longer than .*: 128 characters$/);
    await using much = await signedIn(edge, '7', infoOf(1_025));
    await refusedRoom(much, /larger than 1024 bytes$/);
    // Refused is the subscribe alone, and what fits is let in.
    await signIn(much, '7', infoOf(1_024));
    much.subscribe(ROOM, authFor(much.id, ROOM));
    assert.deepEqual(presenceOf(await much.nextFrame()).ids, ['7']);
    await using short = await signedIn(edge, 'u'.repeat(128));
    short.subscribe(ROOM, authFor(short.id, ROOM));
    assert.equal(presenceOf(await short.nextFrame()).count, 2);
  });

  it('[US5] a wrong signature stays wrong for who is signed in', async () => {
    await using edge = await startTestEdge();
    await using client = await signedIn(edge, '7');
    client.subscribe(ROOM, authFor(client.id, 'presence-other'));
    assert.match(await client.nextError(), /^Invalid signature/);
  });
});

/** A signed-in socket asks for a place in the room without saying for whom. */
async function refusedRoom(client: Client, message: RegExp): Promise<void> {
  client.subscribe(ROOM, authFor(client.id, ROOM));
  const told = await client.nextError();
  assert.match(told, message);
  await client.nextSubscriptionError('RequestError', told, 400, ROOM);
}

/** A user_info of so many bytes. */
function infoOf(bytes: number): object {
  return { user_info: { n: 'x'.repeat(bytes - 8) } };
}
