import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  limits,
  signinSuccessFrame,
  userChannel,
  userOfChannel,
  watchlistEventsFrame,
} from '../src/index.ts';
import { channelName } from './given.ts';

describe('Frames of users', () => {
  it('[US1] the success repeats user_data as it came, as text in JSON in text', () => {
    assert.equal(
      signinSuccessFrame('{"id":"12345"}'),
      String.raw`{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"12345\\\"}\"}"}`,
    );
    for (const text of ['{ "id" : "1" }', '{"id":"1","n":"\\u00fc ü 😀\u2028"}', '{"id":"1"}\n']) {
      const { data } = JSON.parse(signinSuccessFrame(text)) as { data: string };
      assert.deepEqual(JSON.parse(data), { user_data: text });
    }
  });

  it('[US6] who is offline and who is online stand in one frame, and an empty list is left out', () => {
    assert.equal(
      watchlistEventsFrame(['9'], ['8', '7']),
      String.raw`{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"8\",\"7\"]},{\"name\":\"online\",\"user_ids\":[\"9\"]}]}"}`,
    );
    assert.equal(
      watchlistEventsFrame(['9'], []),
      String.raw`{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"9\"]}]}"}`,
    );
    assert.ok(watchlistEventsFrame([], ['8']).includes(String.raw`[{\"name\":\"offline\"`));
  });

  it('[US2] a user has the id that its channel can carry', () => {
    const ids = ['7', 'A-z_9=@,.;', '__proto__', 'u'.repeat(limits.userIdChars)];
    for (const id of ids) {
      const name = userChannel(id);
      assert.equal(name, `#server-to-user-${id}`);
      assert.ok(name !== undefined);
      assert.equal(userOfChannel(name), id);
    }
    for (const id of ['', 'a b', 'a:b', 'ü', '#', '\n', 'u'.repeat(limits.userIdChars + 1)])
      assert.equal(userChannel(id), undefined, id);
    for (const name of ['lobby', 'presence-7', 'x-server-to-user-7'])
      assert.equal(userOfChannel(channelName(name)), undefined);
  });
});
