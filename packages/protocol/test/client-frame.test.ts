import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeClientFrame, type ClientFrame } from '../src/index.ts';

/** The message with which a text is refused; fails when it is accepted. */
function refusal(text: string): string {
  const decoded = decodeClientFrame(text);
  assert.ok(!decoded.ok, `accepted: ${text.slice(0, 200)}`);
  assert.equal(decoded.error.code, null);
  return decoded.error.message;
}

function frameOf(text: string): ClientFrame {
  const decoded = decodeClientFrame(text);
  assert.ok(decoded.ok, `refused: ${text.slice(0, 200)}`);
  return decoded.frame;
}

const subscribe = (data: unknown): string => JSON.stringify({ event: 'pusher:subscribe', data });
const clientEvent = (members: object): string =>
  JSON.stringify({ event: 'client-a', channel: 'private-a', data: {}, ...members });
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Values of every JSON type that is no string. */
const noStrings: readonly unknown[] = [0, 42, -1.5, true, false, [], ['a'], {}, { a: 1 }];

describe('Frames from clients: what is none', () => {
  const noJson = ['', ' ', '{', '{"event":', "{'event':'a'}", 'pusher:ping', '{"event":"a"}x'];
  const noObjects = ['null', 'true', '1', '1e999', '"pusher:ping"', '[]', '[{"event":"a"}]'];
  const oddities = ['\ufeff{}', '\u0000', '\ud800', '{"event":"a",}', 'NaN', 'undefined'];
  for (const text of [...noJson, ...noObjects, ...oddities])
    it(`[FR2] ${JSON.stringify(text)} is no JSON object`, () =>
      assert.equal(refusal(text), 'Received invalid JSON'));

  const eventless = ['{}', '{"event":null}', '{"data":{}}', '{"Event":"pusher:ping"}'];
  for (const text of [...eventless, '{"__proto__":{"event":"pusher:ping"}}'])
    it(`[FR2] ${text} has no event`, () => assert.equal(refusal(text), 'Missing parameter: event'));

  for (const event of noStrings)
    it(`[FR5] the event ${JSON.stringify(event)} is no string`, () =>
      assert.equal(
        refusal(JSON.stringify({ event, data: {} })),
        'Invalid parameter: event must be a string',
      ));

  const unsupported = [
    '',
    'typing',
    'Client-typing',
    'pusher:',
    'pusher:Subscribe',
    'pusher:connection_established',
    'pusher:error',
    'pusher:signin_success',
    'pusher:cache_miss',
    'pusher_internal:subscription_succeeded',
    'pusher_internal:member_added',
    'pusher_internal:client-typing',
    ' pusher:ping',
    '__proto__',
    'constructor',
    'toString',
  ];
  for (const event of unsupported)
    it(`[FR3] the event '${event}' is not for clients`, () =>
      assert.equal(
        refusal(JSON.stringify({ event, channel: 'private-a', data: {} })),
        `Unsupported event received on socket: ${event}`,
      ));

  it('[FR9] of a long event name 200 characters are repeated', () => {
    const answer = 'Unsupported event received on socket: ';
    assert.equal(refusal(JSON.stringify({ event: 'e'.repeat(200) })), answer + 'e'.repeat(200));
    assert.equal(
      refusal(JSON.stringify({ event: 'e'.repeat(201) })),
      `${answer}${'e'.repeat(200)}…`,
    );
    assert.equal(refusal(JSON.stringify({ event: 'e'.repeat(65_000) })).length, 239);
  });
});

describe('Frames from clients: the form of data', () => {
  it('[FR4] an object and the same object as a JSON string are the same', () => {
    const events: readonly (readonly [event: string, data: unknown])[] = [
      ['pusher:subscribe', { channel: 'private-a', auth: 'k:s', channel_data: '{"user_id":"1"}' }],
      ['pusher:unsubscribe', { channel: 'private-a' }],
      ['pusher:signin', { auth: 'k:s', user_data: '{"id":"1"}' }],
    ];
    for (const [event, data] of events)
      assert.deepEqual(
        frameOf(JSON.stringify({ event, data: JSON.stringify(data) })),
        frameOf(JSON.stringify({ event, data })),
      );
  });

  it('[FR4] unknown members are ignored', () => {
    const odd = { __proto__: null, toJSON: 1, constructor: {}, channelData: 5, user_data: [] };
    const text = JSON.stringify({
      ...odd,
      event: 'pusher:subscribe',
      channel: 7,
      id: {},
      data: { ...odd, channel: 'a' },
    });
    const frame = { kind: 'subscribe', channel: 'a', auth: undefined, channelData: undefined };
    assert.deepEqual(frameOf(text), frame);
  });

  it('[FR4] of a member that stands twice the last one counts', () => {
    const text =
      '{"event":"pusher:ping","event":"pusher:unsubscribe","data":{"channel":"a","channel":"b"}}';
    assert.deepEqual(frameOf(text), { kind: 'unsubscribe', channel: 'b' });
  });

  for (const event of ['pusher:subscribe', 'pusher:unsubscribe']) {
    for (const data of ['', ',"data":null', ',"data":""', ',"data":{}', ',"data":"{}"'])
      it(`[FR5] {"event":"${event}"${data}} has no channel`, () =>
        assert.equal(refusal(`{"event":"${event}"${data}}`), 'Missing parameter: data.channel'));

    for (const data of ['5', '0', 'true', 'false', '[]', '["a"]', '"a"', '"["', '"null"', '"[]"'])
      it(`[FR5] the data ${data} of ${event} is no object`, () =>
        assert.equal(
          refusal(`{"event":"${event}","data":${data}}`),
          'Invalid parameter: data must be an object',
        ));
  }

  for (const value of [...noStrings, Number.MAX_SAFE_INTEGER]) {
    const json = JSON.stringify(value);
    const wrong: readonly (readonly [event: string, name: string, data: object])[] = [
      ['pusher:subscribe', 'data.channel', { channel: value }],
      ['pusher:subscribe', 'data.auth', { channel: 'private-a', auth: value }],
      ['pusher:subscribe', 'data.auth', { channel: '#server-to-user-1', auth: value }],
      ['pusher:subscribe', 'data.auth', { channel: 'private a', auth: value }],
      ['pusher:subscribe', 'data.channel_data', { channel: 'presence-a', channel_data: value }],
      ['pusher:unsubscribe', 'data.channel', { channel: value }],
      ['pusher:signin', 'data.auth', { auth: value, user_data: '{}' }],
      ['pusher:signin', 'data.user_data', { auth: 'k:s', user_data: value }],
    ];
    for (const [event, name, data] of wrong)
      it(`[FR5] ${json} as ${name} of ${event} is no string and is not made one`, () =>
        assert.equal(
          refusal(JSON.stringify({ event, data })),
          `Invalid parameter: ${name} must be a string`,
        ));
  }

  it('[FR5] a number beyond all numbers is no string either', () => {
    assert.equal(
      refusal('{"event":"pusher:subscribe","data":{"channel":1e999}}'),
      'Invalid parameter: data.channel must be a string',
    );
  });

  const incomplete: readonly (readonly [data: unknown, name: string])[] = [
    [{ user_data: '{}' }, 'data.auth'],
    [{ auth: null, user_data: '{}' }, 'data.auth'],
    [{ auth: 'k:s' }, 'data.user_data'],
    [{ auth: 'k:s', user_data: null }, 'data.user_data'],
    [undefined, 'data.auth'],
  ];
  for (const [data, name] of incomplete)
    it(`[FR5] a signin with ${JSON.stringify(data) ?? 'no data'} lacks ${name}`, () =>
      assert.equal(
        refusal(JSON.stringify({ event: 'pusher:signin', data })),
        `Missing parameter: ${name}`,
      ));

  for (const value of noStrings)
    it(`[SB1] on a public channel ${JSON.stringify(value)} may stand in auth and channel_data`, () =>
      assert.deepEqual(frameOf(subscribe({ channel: 'news', auth: value, channel_data: value })), {
        kind: 'subscribe',
        channel: 'news',
        auth: undefined,
        channelData: undefined,
      }));

  it('[SB7] channel_data is handed on exactly as received', () => {
    const channelData = '{ "user_id" : "1",\t"user_info":{"n":"\\u00fc ü 😀"} }';
    const frame = frameOf(
      subscribe({ channel: 'private-a', auth: 'k:s', channel_data: channelData }),
    );
    assert.deepEqual(frame, { kind: 'subscribe', channel: 'private-a', auth: 'k:s', channelData });
  });
});

describe('Frames from clients: client events', () => {
  it('[CE1] data that is a string stays as it is, all else becomes JSON', () => {
    const data: readonly (readonly [data: unknown, text: string])[] = [
      ['{"a":1}', '{"a":1}'],
      ['{ "a" : 1 }', '{ "a" : 1 }'],
      ['', ''],
      [{ a: [1, null] }, '{"a":[1,null]}'],
      [[], '[]'],
      [0, '0'],
      [false, 'false'],
      ['\ud800', '\ud800'],
      [{ a: '\ud800' }, '{"a":"\\ud800"}'],
    ];
    for (const [given, text] of data)
      assert.deepEqual(frameOf(clientEvent({ data: given })), {
        kind: 'client-event',
        event: 'client-a',
        channel: 'private-a',
        data: text,
      });
  });

  const incomplete: readonly object[] = [
    { channel: undefined },
    { channel: null },
    { data: undefined },
    { data: null },
    { channel: undefined, data: undefined },
    // Where it stands counts: in `data` it is the app's own.
    { channel: undefined, data: { channel: 'private-a', data: {} } },
  ];
  for (const members of incomplete)
    it(`[CE4] ${clientEvent(members)} lacks channel or data`, () =>
      assert.equal(
        refusal(clientEvent(members)),
        'Invalid client event (must contain channel and data)',
      ));

  for (const channel of noStrings)
    it(`[FR5] a client event to the channel ${JSON.stringify(channel)} goes nowhere`, () =>
      assert.equal(
        refusal(clientEvent({ channel })),
        'Invalid parameter: channel must be a string',
      ));

  it('[CE4] a channel and data that are empty are there', () => {
    for (const members of [{ channel: '' }, { data: '' }, { data: 0 }, { data: false }])
      assert.equal(frameOf(clientEvent(members)).kind, 'client-event');
  });
});

describe('Frames from clients: what has brought servers down', () => {
  it('[FR8] Soketi’s crash, a subscribe without data, is answered', () => {
    assert.equal(refusal('{"event":"pusher:subscribe"}'), 'Missing parameter: data.channel');
  });

  const webman: readonly (readonly [what: string, text: string, answer: string])[] = [
    [
      'channel as an array',
      '{"event":"pusher:subscribe","data":{"channel":["a"]}}',
      'Invalid parameter: data.channel must be a string',
    ],
    [
      'channel as an object',
      '{"event":"pusher:subscribe","data":{"channel":{"a":"b"}}}',
      'Invalid parameter: data.channel must be a string',
    ],
    [
      'event as an object',
      '{"event":{"a":"b"},"data":{}}',
      'Invalid parameter: event must be a string',
    ],
    [
      'a client event with an array as channel',
      '{"event":"client-a","channel":["private-a"],"data":{}}',
      'Invalid parameter: channel must be a string',
    ],
    [
      'channel_data of a presence channel that is no string',
      '{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"k:s","channel_data":{"user_id":["1"]}}}',
      'Invalid parameter: data.channel_data must be a string',
    ],
  ];
  for (const [what, text, answer] of webman)
    it(`[FR8] webman’s crash, ${what}, is answered`, () => assert.equal(refusal(text), answer));

  it('[FR8] webman’s crash, unsubscribe from a presence channel never joined, is a frame like others', () => {
    assert.deepEqual(
      frameOf('{"event":"pusher:unsubscribe","data":{"channel":"presence-never"}}'),
      {
        kind: 'unsubscribe',
        channel: 'presence-never',
      },
    );
  });

  it('[FR8] names that mean something to JavaScript are taken as names', () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf']) {
      const text = `{"event":"pusher:unsubscribe","data":{"${name}":{"channel":"x"},"channel":"${name}"}}`;
      assert.deepEqual(frameOf(text), { kind: 'unsubscribe', channel: name });
      assert.equal(
        refusal(`{"event":"pusher:subscribe","data":{"${name}":{"channel":"x"}}}`),
        'Missing parameter: data.channel',
      );
      assert.equal(refusal(`{"${name}":{"event":"pusher:ping"}}`), 'Missing parameter: event');
    }
    assert.equal(Reflect.get({}, 'channel'), undefined);
  });

  it('[FR8] JSON nested as deeply as a frame can hold is read wherever it stands', () => {
    for (const depth of [10_000, 32_000]) {
      assert.equal(refusal(nested(depth)), 'Received invalid JSON');
      assert.equal(frameOf(`{"event":"pusher:ping","data":${nested(depth)}}`).kind, 'ping');
      assert.equal(
        refusal(`{"event":"pusher:subscribe","data":{"channel":${nested(depth)}}}`),
        'Invalid parameter: data.channel must be a string',
      );
      assert.equal(
        refusal(JSON.stringify({ event: 'pusher:subscribe', data: nested(depth) })),
        'Invalid parameter: data must be an object',
      );
      // JSON.parse follows any depth, JSON.stringify does not.
      assert.equal(
        refusal(`{"event":"client-a","channel":"private-a","data":${nested(depth)}}`),
        'Invalid parameter: data must be less deeply nested',
      );
    }
    assert.equal(refusal('{"event":'.repeat(7_000)), 'Received invalid JSON');
  });

  it('[FR8] half a surrogate pair is a character like others', () => {
    for (const half of ['\ud800', '\udfff', '\\ud800', '\\udfff']) {
      const text = `{"event":"client-${half}","channel":"${half}","data":"${half}"}`;
      const written: unknown = JSON.parse(`"${half}"`);
      const frame = { kind: 'client-event', event: `client-${String(written)}` };
      assert.deepEqual(frameOf(text), { ...frame, channel: written, data: written });
    }
  });
});
