import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeClientFrame, type ClientFrame } from '../src/index.ts';

type Case = readonly [sdk: string, text: string, frame: ClientFrame];

const subscribed = (channel: string, auth?: string, channelData?: string): ClientFrame => ({
  kind: 'subscribe',
  channel,
  auth,
  channelData,
});

const subscribes: readonly Case[] = [
  [
    'pusher-js, public channel',
    '{"event":"pusher:subscribe","data":{"auth":"","channel":"my-channel"}}',
    subscribed('my-channel'),
  ],
  [
    'Java, Swift and .NET, public channel',
    '{"event":"pusher:subscribe","data":{"channel":"my-channel"}}',
    subscribed('my-channel'),
  ],
  [
    'Ruby, public channel',
    '{"event":"pusher:subscribe","data":{"auth":null,"channel_data":null,"channel":"x"}}',
    subscribed('x'),
  ],
  [
    'Ruby, private channel',
    '{"event":"pusher:subscribe","data":{"auth":"KEY:hexsig","channel_data":null,"channel":"private-x"}}',
    subscribed('private-x', 'KEY:hexsig'),
  ],
  [
    'pusher-js, private channel',
    '{"event":"pusher:subscribe","data":{"auth":"KEY:hexsig","channel":"private-x"}}',
    subscribed('private-x', 'KEY:hexsig'),
  ],
  [
    'pusher-js, private channel whose auth has not come',
    '{"event":"pusher:subscribe","data":{"auth":"","channel":"private-x"}}',
    subscribed('private-x'),
  ],
  [
    'Pysher, with empty strings for what it does not have',
    '{"event": "pusher:subscribe", "data": {"auth": "", "channel_data": "", "channel": "private-x"}}',
    subscribed('private-x'),
  ],
  [
    'any, presence channel',
    String.raw`{"event":"pusher:subscribe","data":{"auth":"KEY:hexsig","channel_data":"{\"user_id\":\"7\",\"user_info\":{}}","channel":"presence-x"}}`,
    subscribed('presence-x', 'KEY:hexsig', '{"user_id":"7","user_info":{}}'),
  ],
  [
    'a third-party client that encodes data twice',
    String.raw`{"event":"pusher:subscribe","data":"{\"channel\":\"presence-x\",\"auth\":\"KEY:hexsig\",\"channel_data\":\"{\\\"user_id\\\":\\\"7\\\"}\"}"}`,
    subscribed('presence-x', 'KEY:hexsig', '{"user_id":"7"}'),
  ],
  [
    'pusher-js, the channel of a signed-in user',
    '{"event":"pusher:subscribe","data":{"auth":"","channel":"#server-to-user-12345"}}',
    subscribed('#server-to-user-12345'),
  ],
];

const unsubscribes: readonly Case[] = [
  [
    'any',
    '{"event":"pusher:unsubscribe","data":{"channel":"x"}}',
    { kind: 'unsubscribe', channel: 'x' },
  ],
  [
    'a third-party client that encodes data twice',
    String.raw`{"event":"pusher:unsubscribe","data":"{\"channel\":\"x\"}"}`,
    { kind: 'unsubscribe', channel: 'x' },
  ],
];

const pings: readonly Case[] = [
  ['pusher-js', '{"event":"pusher:ping","data":{}}', { kind: 'ping' }],
  ['Java and libPusher', '{"event":"pusher:ping"}', { kind: 'ping' }],
  ['Pysher', '{"event": "pusher:ping", "data": ""}', { kind: 'ping' }],
  [
    'a client that answers as the server asks',
    '{"event":"pusher:ping","data":"{}"}',
    { kind: 'ping' },
  ],
  ['a client with data of another kind', '{"event":"pusher:ping","data":[1]}', { kind: 'ping' }],
  ['pusher-js, pong', '{"event":"pusher:pong","data":{}}', { kind: 'pong' }],
  ['Ruby, pong', '{"event":"pusher:pong","data":null}', { kind: 'pong' }],
  ['Pysher, pong', '{"event": "pusher:pong", "data": ""}', { kind: 'pong' }],
];

const typing = (data: string): ClientFrame => ({
  kind: 'client-event',
  event: 'client-typing',
  channel: 'private-x',
  data,
});

const clientEvents: readonly Case[] = [
  [
    'pusher-js, an object',
    '{"event":"client-typing","channel":"private-x","data":{"a":1}}',
    typing('{"a":1}'),
  ],
  [
    'Java, a string',
    String.raw`{"event":"client-typing","channel":"private-x","data":"{\"a\":1}"}`,
    typing('{"a":1}'),
  ],
  [
    'Swift and .NET, plain text',
    '{"event":"client-typing","channel":"private-x","data":"typing"}',
    typing('typing'),
  ],
  ['any, a list', '{"event":"client-typing","channel":"private-x","data":[1]}', typing('[1]')],
  [
    'Echo, whisper without data',
    '{"event":"client-typing","channel":"private-x","data":{}}',
    typing('{}'),
  ],
];

const signins: readonly Case[] = [
  [
    'pusher-js',
    String.raw`{"event":"pusher:signin","data":{"auth":"KEY:hexsig","user_data":"{\"id\":\"7\"}"}}`,
    { kind: 'signin', auth: 'KEY:hexsig', userData: '{"id":"7"}' },
  ],
];

function decodes([, text, frame]: Case): void {
  assert.deepEqual(decodeClientFrame(text), { ok: true, frame });
}

describe('Frames as the SDKs send them', () => {
  for (const sent of subscribes) it(`[FR4] subscribe: ${sent[0]}`, () => decodes(sent));
  for (const sent of unsubscribes) it(`[FR4] unsubscribe: ${sent[0]}`, () => decodes(sent));
  for (const sent of pings) it(`[FR4] ping: ${sent[0]}`, () => decodes(sent));
  for (const sent of signins) it(`[FR4] signin: ${sent[0]}`, () => decodes(sent));
  for (const sent of clientEvents) it(`[CE1] client event: ${sent[0]}`, () => decodes(sent));
});
