import { terminationText } from '@fanfare/core';
import { channelKey, limits, userChannel } from '@fanfare/protocol';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';

/**
 * `POST /apps/{id}/users/{user}/terminate_connections`: ends the connections that are signed in as
 * the user, wherever they are; of one whom nobody knows there are none. Its body says nothing.
 */
export function terminateConnections(deps: ApiDeps): Serve {
  const { state, publisher, events } = deps;
  return async ({ app, user }) => {
    const channel = userChannel(user);
    if (channel === undefined) return httpErrors.userId(user, limits.userIdChars);
    const key = channelKey(app.id, channel);
    // Written down first: an edge that misses the message finds it when its link is back.
    const number = await state.terminate(key);
    const message = { channel: key, except: null, id: deps.newId(), once: false };
    await publisher.publish([
      { ...message, frame: terminationText(number), recorded: true, control: true },
    ]);
    events.terminated();
    return '{}';
  };
}
