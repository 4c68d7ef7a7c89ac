import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, wants, wantsEvent, wantsExistence } from '../src/index.ts';

const base = { id: '1', keys: [{ key: 'k', secret: 's' }] };

describe('An app of webman/push', () => {
  it('[WM12] has webhooks for #general, and none for what belongs to one user', () => {
    const app = appSchema.parse({
      ...base,
      dialect: 'webman',
      webhooks: [{ url: 'http://127.0.0.1/', events: ['channel_occupied', 'client_event'] }],
    });
    const heard = ['#general', '#', '频道/1 2', '#server-to-user-7'].map((channel) => [
      app.webhooks.some((hook) => wants(hook, { name: 'channel_occupied', channel })),
      wantsExistence(app, 'channel', channel),
      wantsEvent(app, 'client_event', channel),
    ]);
    const [yes, no] = [Array(3).fill(true), Array(3).fill(false)];
    assert.deepEqual(heard, [yes, yes, yes, no]);
  });

  it('[WM12] and filters by prefix and suffix of any characters', () => {
    const [hook] = appSchema.parse({
      ...base,
      webhooks: [{ url: 'http://127.0.0.1/', channels: { prefix: '频道/', suffix: ' 😀' } }],
    }).webhooks;
    const wanted = (channel: string): boolean =>
      hook !== undefined && wants(hook, { name: 'channel_occupied', channel });
    assert.deepEqual(['频道/1 😀', '频道1 😀', '频道/1'].map(wanted), [true, false, false]);
  });

  it('[WM13] says so; without a word an app is one of Pusher', () => {
    const { dialect, broadcastEmptyChannel } = appSchema.parse(base);
    assert.deepEqual([dialect, broadcastEmptyChannel], ['pusher', false]);
    const webman = appSchema.parse({ ...base, dialect: 'webman' });
    assert.equal(webman.broadcastEmptyChannel, false);
    const aloud = appSchema.parse({ ...base, broadcastEmptyChannel: true });
    assert.deepEqual([aloud.dialect, aloud.broadcastEmptyChannel], ['pusher', true]);
    for (const wrong of [{ dialect: 'soketi' }, { broadcastEmptyChannel: 'yes' }])
      assert.equal(appSchema.safeParse({ ...base, ...wrong }).success, false);
  });
});
