import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JoinOutcome } from '@fanfare/core';
import { channelOfKey, type SocketId } from '@fanfare/protocol';
import { PresenceChannel, type MemberSubject } from '../src/presence-channel.ts';
import { keyOf } from './edge-under-test.ts';

const FIRST = '1.1' as SocketId;
const SECOND = '2.2' as SocketId;
const ANN = { user: 'ann', info: '{"n":1}' } as const;

describe('A presence channel on an edge', () => {
  it('[PS8] who is refused holds no seat, and the store is told so', async () => {
    const { channel, changed } = setup(async () => ({ full: true }));
    assert.equal(await channel.join(FIRST, ANN, 3), false);
    assert.equal(channel.count('ann'), 0);
    assert.deepEqual([...channel.users()], []);
    assert.equal(channel.userOf(FIRST), undefined);
    assert.deepEqual(changed, ['ann']);
  });

  it('[PS10] who is not answered holds no seat, and the store is told so', async () => {
    const { channel, changed } = setup(async () => Promise.reject(new Error('away')));
    await assert.rejects(channel.join(FIRST, ANN, 3), /away/);
    assert.equal(channel.count('ann'), 0);
    assert.deepEqual(changed, ['ann']);
  });

  it('[JC6] a socket counts for the channel from when it is let in until it parts', async () => {
    const { channel, changed } = setup(async () => {
      assert.equal(channel.size, 0, 'it is not in yet');
      return { full: false, roster: { version: 1, members: [ANN] } };
    });
    await channel.join(FIRST, ANN, 3);
    assert.equal(channel.size, 1);
    assert.deepEqual(changed.splice(0), ['presence-r']);
    channel.part(FIRST);
    assert.equal(channel.size, 0);
    // In this order, so that both are in one report whatever its bound.
    assert.deepEqual(changed, ['ann', 'presence-r']);
  });

  it('[PS6] a further socket of who is in asks nobody', async () => {
    let asked = 0;
    const { channel, changed, published } = setup(async () => {
      asked += 1;
      return { full: false, roster: { version: 1, members: [ANN] } };
    });
    assert.equal(await channel.join(FIRST, ANN, 3), true);
    assert.equal(await channel.join(SECOND, { user: 'ann', info: '{"n":2}' }, 3), true);
    assert.equal(asked, 1);
    assert.equal(channel.count('ann'), 2);
    assert.equal(channel.info('ann'), '{"n":1}');
    assert.deepEqual(changed.splice(0), ['presence-r', 'ann', 'presence-r']);
    assert.equal(published.length, 1);
    channel.part(FIRST);
    channel.part(SECOND);
    assert.equal(channel.count('ann'), 0);
    assert.deepEqual(changed, ['ann', 'presence-r', 'ann', 'presence-r']);
    assert.equal(published.length, 1, 'it is the store that says when the user is gone');
  });

  it('[PS6] a further socket that comes while the first one waits asks for itself', async () => {
    const answers: ((outcome: JoinOutcome) => void)[] = [];
    const { channel } = setup(async () => new Promise((resolve) => void answers.push(resolve)));
    const joins = [channel.join(FIRST, ANN, 3), channel.join(SECOND, ANN, 3)];
    assert.equal(channel.count('ann'), 2);
    answers[0]?.({ full: true });
    assert.equal(await joins[0], false);
    assert.equal(channel.count('ann'), 1);
    answers[1]?.({ full: false, roster: { version: 1, members: [ANN] } });
    assert.equal(await joins[1], true);
    assert.equal(channel.count('ann'), 1);
  });

  it('[ED14] a gap asks for the roster, and so does a hole', async () => {
    const { channel, lost } = setup(async () => ({
      full: false,
      roster: { version: 1, members: [ANN] },
    }));
    await channel.join(FIRST, ANN, 3);
    channel.onGap();
    assert.deepEqual(lost.splice(0), [channel]);
    channel.take({ version: 5, members: [ANN] }, channel.generation);
    assert.deepEqual(lost, []);
    channel.onChange({ from: 6, version: 7, joined: true, user: 'bob', info: '' });
    assert.deepEqual(lost, [channel]);
  });
});

function setup(join: (subject: MemberSubject) => Promise<JoinOutcome>): {
  readonly channel: PresenceChannel;
  readonly changed: string[];
  readonly published: string[];
  readonly lost: PresenceChannel[];
} {
  const changed: string[] = [];
  const published: string[] = [];
  const lost: PresenceChannel[] = [];
  const channel = new PresenceChannel(keyOf('presence-r'), {
    changed: (subject) =>
      void changed.push(subject.kind === 'member' ? subject.user : channelOfKey(subject.channel)),
    join,
    publish: (_, frame) => void published.push(frame),
    lost: (which) => void lost.push(which),
  });
  return { channel, changed, published, lost };
}
