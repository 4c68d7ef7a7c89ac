import { randomBytes } from 'node:crypto';
import { sign, type App } from '@fanfare/core';
import {
  channelStringToSign,
  channelTraits,
  parseChannelName,
  parseSocketId,
  type ChannelName,
  type SocketId,
} from '@fanfare/protocol';

export type Authorization =
  | { readonly ok: true; readonly auth: string; readonly channel_data?: string }
  | { readonly ok: false; readonly status: 400 | 403; readonly reason: string };

/** What a backend's auth endpoint would answer. Everybody may in: this is the developer's own machine. */
export function authorize(app: App, form: URLSearchParams): Authorization {
  const socketId = parseSocketId(form.get('socket_id') ?? '');
  if (socketId === undefined)
    return refused(400, 'socket_id: expected two numbers joined by a dot');
  const channel = parseChannelName(form.get('channel_name') ?? '', app.dialect);
  if (channel === undefined) return refused(400, 'channel_name: expected the name of a channel');
  const { kind } = channelTraits(channel);
  switch (kind) {
    case 'private':
      return signed(app, socketId, channel);
    case 'presence':
      return signed(app, socketId, channel, randomUser());
    case 'private-encrypted':
      return refused(403, 'The playground does not encrypt; try a private- channel');
    case 'public':
    case 'user':
      return refused(403, `${channel} needs no authorization`);
  }
}

function signed(
  app: App,
  socketId: SocketId,
  channel: ChannelName,
  channelData?: string,
): Authorization {
  const [{ key, secret }] = app.keys;
  const auth = `${key}:${sign(secret, channelStringToSign(socketId, channel, channelData))}`;
  return channelData === undefined
    ? { ok: true, auth }
    : { ok: true, auth, channel_data: channelData };
}

function randomUser(): string {
  const id = randomBytes(4).toString('hex');
  return JSON.stringify({ user_id: id, user_info: { name: `Guest ${id.slice(0, 4)}` } });
}

function refused(status: 400 | 403, reason: string): Authorization {
  return { ok: false, status, reason };
}
