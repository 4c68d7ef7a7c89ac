import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WatchedUser } from '../src/watched-user.ts';
import { keyOf } from './edge-under-test.ts';

const change = (version: number, joined: boolean) =>
  ({ from: 0, version, joined, user: '', info: '' }) as const;

function watched(): WatchedUser {
  return new WatchedUser(keyOf('#server-to-user-7'), '7');
}

describe('A user who is watched', () => {
  it('[US35] is what was read, and then what the newest change says', () => {
    const user = watched();
    assert.equal(user.online, undefined);
    user.await(1);
    user.take({ version: 5, online: true }, 1);
    assert.equal(user.online, true);
    user.apply(change(5, false));
    user.apply(change(4, false));
    assert.equal(user.online, true);
    user.apply(change(6, false));
    assert.equal(user.online, false);
    user.apply(change(9, true));
    user.apply(change(7, false));
    assert.equal(user.online, true);
  });

  it('[US35] while a read is under way, a change counts if it is newer than what was read', () => {
    for (const [version, online] of [
      [4, false],
      [6, true],
    ] as const) {
      const user = watched();
      user.await(1);
      user.apply(change(3, false));
      user.apply(change(version, true));
      assert.equal(user.online, undefined);
      user.take({ version: 5, online: false }, 1);
      assert.equal(user.online, online);
      user.apply(change(5, true));
      assert.equal(user.online, online);
    }
  });

  it('[US35] a read from before the gap does not count', () => {
    const user = watched();
    user.await(1);
    user.await(3);
    user.take({ version: 5, online: true }, 1);
    user.take({ version: 5, online: true }, 2);
    assert.equal(user.online, undefined);
    user.take({ version: 6, online: false }, 3);
    assert.equal(user.online, false);
    user.take({ version: 9, online: true }, 4);
    assert.equal(user.online, false, 'nobody has asked');
  });

  it('[US35] a store that was emptied counts from a lower version, and is believed once it was read', () => {
    const user = watched();
    user.await(1);
    user.take({ version: 900, online: true }, 1);
    user.await(2);
    user.take({ version: 0, online: false }, 2);
    assert.equal(user.online, false);
    user.apply(change(10, true));
    assert.equal(user.online, true);
  });
});
