import type { AppId } from '@fanfare/protocol';
import { decodeBatch } from '../batch.ts';
import { decodeBody } from '../body.ts';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { requestIdentity } from '../identity.ts';
import { readCounts } from '../info.ts';
import { batchMessages } from '../messages.ts';
import { spendRate } from '../rates.ts';
import { Refusal } from '../refusal.ts';
import type { Trigger } from '../trigger.ts';

/** `POST /apps/{id}/batch_events`: up to ten events, each to one channel; all of them or none. */
export function batchEvents(deps: ApiDeps): Serve {
  return async ({ app, body, idempotencyKey }) => {
    const fields = decodeBody(body);
    if (fields instanceof Refusal) return fields;
    const batch = decodeBatch(fields['batch'], app);
    if (batch instanceof Refusal) return batch;
    const identity = requestIdentity(app.id, idempotencyKey, () => deps.newId());
    if (identity instanceof Refusal) return identity;
    const refused = await spendRate(deps.limits, app, 'triggers', batch.length);
    if (refused !== undefined) return refused;
    // Asked before anything is published: a request that fails has done nothing.
    const asked = batch.some(({ info }) => info !== undefined);
    const answer = asked ? await describeBatch(deps, app.id, batch) : '{}';
    const messages = batchMessages(app.id, batch, identity);
    await deps.publisher.publish(messages);
    deps.events.published(
      messages.length,
      batch.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
    );
    return answer;
  };
}

/** One object for each event, in their order; empty for those that asked nothing. */
async function describeBatch(
  { state }: ApiDeps,
  app: AppId,
  batch: readonly Trigger[],
): Promise<string> {
  const questions = batch.flatMap(({ channels, info }) =>
    channels.map((channel) => ({ channel, info })),
  );
  return JSON.stringify({ batch: await readCounts(state, app, questions) });
}
