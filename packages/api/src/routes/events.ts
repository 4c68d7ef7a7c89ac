import type { AppId } from '@fanfare/protocol';
import { decodeBody } from '../body.ts';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { requestIdentity } from '../identity.ts';
import { readCounts } from '../info.ts';
import { triggerMessages } from '../messages.ts';
import { requestParameters } from '../parameters.ts';
import { spendRate } from '../rates.ts';
import { Refusal } from '../refusal.ts';
import { decodeTrigger, type Trigger } from '../trigger.ts';

/** `POST /apps/{id}/events`: one event to up to a hundred channels. */
export function events(deps: ApiDeps): Serve {
  return async ({ app, params, body, idempotencyKey }) => {
    const fields = decodeBody(body);
    if (fields instanceof Refusal) return fields;
    const trigger = decodeTrigger(requestParameters(fields, params), app);
    if (trigger instanceof Refusal) return trigger;
    const identity = requestIdentity(app.id, idempotencyKey, () => deps.newId());
    if (identity instanceof Refusal) return identity;
    const refused = await spendRate(deps.limits, app, 'triggers', 1);
    if (refused !== undefined) return refused;
    // Asked before anything is published: a request that fails has done nothing.
    const answer =
      trigger.info === undefined ? '{}' : await describeChannels(deps, app.id, trigger);
    const messages = triggerMessages(app.id, trigger, identity);
    await deps.publisher.publish(messages);
    deps.events.published(messages.length, trigger.dataBytes * messages.length);
    return answer;
  };
}

async function describeChannels(
  { state }: ApiDeps,
  app: AppId,
  { channels, info }: Trigger,
): Promise<string> {
  const counts = await readCounts(
    state,
    app,
    channels.map((channel) => ({ channel, info })),
  );
  const described = channels.map((channel, index) => [channel, counts[index]] as const);
  return JSON.stringify({ channels: Object.fromEntries(described) });
}
