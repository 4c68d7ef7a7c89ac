import { sign } from '@fanfare/core';
import { eventually } from '../eventually.ts';
import type { Chance } from '../support/seeded.ts';
import type { FuzzApp } from './apps.ts';
import type { Target } from './attack.ts';
import { frameOf, Peer } from './peer.ts';
import { fresh } from './words.ts';

const SOCKETS = 40;
const CHANNELS = 100;

/**
 * Sockets that subscribe to channels, sign in as users and watch users that nobody has ever had: four
 * thousand of each, so that whatever stays of one of them is seen in the size of the heap. They go
 * when the cluster knows of all their channels.
 */
export async function crowd(
  target: Target,
  app: FuzzApp,
  chance: Chance,
  isKnown: (channels: number) => Promise<boolean>,
): Promise<void> {
  const peers: Peer[] = [];
  for (let socket = 0; socket < SOCKETS; socket += 1) {
    const port = target.edges[socket % target.edges.length] ?? 0;
    const peer = await Peer.open(port, `/app/${app.key}?protocol=7`, {
      onFrame() {},
      onBroken() {},
    });
    peers.push(peer);
    const frames = [signin(app, peer.id, chance)];
    for (let count = 0; count < CHANNELS; count += 1) frames.push(subscribe(app, peer.id, chance));
    peer.write(Buffer.concat(frames.map((frame) => frameOf(JSON.stringify(frame)))));
  }
  for (const peer of peers) await peer.heard();
  await eventually(
    async () => isKnown(SOCKETS * CHANNELS),
    () => 'the cluster does not know of the channels of a crowd',
  );
  for (const peer of peers) {
    if (chance.below(2) === 0) await peer.reset();
    else await peer.halfClose();
  }
}

function signin({ key, secret, marker }: FuzzApp, id: string, chance: Chance): object {
  const watchlist = Array.from({ length: 100 }, () => `${marker}-${fresh(chance)}`);
  const userData = JSON.stringify({ id: `${marker}-${fresh(chance)}`, watchlist });
  const auth = `${key}:${sign(secret, `${id}::user::${userData}`)}`;
  return { event: 'pusher:signin', data: { auth, user_data: userData } };
}

function subscribe({ key, secret, marker }: FuzzApp, id: string, chance: Chance): object {
  const channel = `${chance.of(['', '', '', 'presence-'])}${fresh(chance)}`;
  const channelData = JSON.stringify({ user_id: `${marker}-${fresh(chance)}` });
  const isPresence = channel.startsWith('presence-');
  const auth = `${key}:${sign(secret, `${id}:${channel}${isPresence ? `:${channelData}` : ''}`)}`;
  const data = { channel, auth, ...(isPresence && { channel_data: channelData }) };
  return { event: 'pusher:subscribe', data };
}
