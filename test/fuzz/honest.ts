import assert from 'node:assert/strict';
import { sign } from '@fanfare/core';
import type PusherServer from 'pusher';
import { openRawSocket, type Frame, type RawSocket } from '../raw-socket.ts';
import type { FuzzApp } from './apps.ts';
import { CHANNELS } from './words.ts';

/** A socket of an honest client that has everything a socket can have: all channels, a member, a user and a watchlist. */
export async function openHonest(
  port: number,
  { key, secret }: FuzzApp,
  user = 'u1',
): Promise<RawSocket> {
  const socket = await openRawSocket(`ws://127.0.0.1:${port}/app/${key}?protocol=7`);
  const auth = (text: string): string => `${key}:${sign(secret, text)}`;
  const userData = JSON.stringify({ id: user, user_info: {}, watchlist: ['u1', 'u2'] });
  socket.send('pusher:signin', {
    auth: auth(`${socket.id}::user::${userData}`),
    user_data: userData,
  });
  for (const channel of CHANNELS) {
    if (channel.startsWith('#') && channel !== `#server-to-user-${user}`) continue;
    const member = channel.startsWith('presence-') ? JSON.stringify({ user_id: user }) : undefined;
    const signed = [socket.id, channel, ...(member === undefined ? [] : [member])].join(':');
    socket.send('pusher:subscribe', {
      channel,
      auth: auth(signed),
      ...(member !== undefined && { channel_data: member }),
    });
  }
  const frames = await socket.untilPong();
  const heard = (event: string): number => frames.filter((frame) => frame.event === event).length;
  assert.equal(heard('pusher:signin_success'), 1, JSON.stringify(frames));
  assert.equal(
    heard('pusher_internal:subscription_succeeded'),
    CHANNELS.length - 1,
    JSON.stringify(frames),
  );
  // It watches itself, and is online as soon as the cluster knows.
  const isOnline = ({ event, data }: Frame): boolean =>
    event === 'pusher_internal:watchlist_events' &&
    String(data).includes(`"online","user_ids":["${user}"`);
  if (!frames.some(isOnline)) await socket.frames.takeUntil(isOnline);
  return socket;
}

/** Proves that the app still works from its API to this socket, for every kind of channel. */
export async function assertServed(
  socket: RawSocket,
  backend: PusherServer,
  channels = CHANNELS,
): Promise<void> {
  await socket.untilPong();
  const mine = channels.filter((name) => !name.startsWith('#') && !name.includes('encrypted'));
  for (const [at, channel] of mine.entries()) {
    await backend.trigger(channel, 'served', `number ${at}`);
    const { event, data } = await nextEvent(socket, 'served');
    assert.deepEqual({ event, data }, { event: 'served', data: `number ${at}` });
  }
}

async function nextEvent(socket: RawSocket, name: string): Promise<Frame> {
  const frames = await socket.frames.takeUntil(({ event }) => event === name);
  return frames.at(-1) as Frame;
}
