import { channelKey } from '@fanfare/protocol';
import { decodeChannelName } from '../channel-name.ts';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';
import { isPresence } from '../info.ts';
import { Refusal } from '../refusal.ts';

/** `GET /apps/{id}/channels/{channel}/users`: who is in a presence channel, each user once. */
export function channelUsers({ state }: ApiDeps): Serve {
  return async ({ app, channel }) => {
    const name = decodeChannelName(channel, app);
    if (name instanceof Refusal) return name;
    if (!isPresence(name)) return httpErrors.usersChannel();
    const users = await state.users(channelKey(app.id, name));
    return JSON.stringify({ users: users.map((id) => ({ id })) });
  };
}
