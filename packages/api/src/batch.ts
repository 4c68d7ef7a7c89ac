import { isFields } from './body.ts';
import { httpErrors } from './http-errors.ts';
import { fieldParameters } from './parameters.ts';
import { Refusal } from './refusal.ts';
import { decodeBatchEvent, type Trigger, type TriggerRules } from './trigger.ts';

/** As many events as the app may send at once. The first mistake refuses the whole batch. */
export function decodeBatch(batch: unknown, app: TriggerRules): readonly Trigger[] | Refusal {
  if (batch === undefined || batch === null) return httpErrors.parameterMissing('batch');
  if (!Array.isArray(batch)) return httpErrors.parameterType('batch', 'an array of events');
  const { maxEventsPerBatch: max } = app.limits;
  if (batch.length === 0 || batch.length > max) return httpErrors.batchSize(max, batch.length);
  const triggers: Trigger[] = [];
  for (const fields of batch as readonly unknown[]) {
    if (!isFields(fields)) return httpErrors.parameterType('batch', 'an array of events');
    const trigger = decodeBatchEvent(fieldParameters(fields), app);
    if (trigger instanceof Refusal) return trigger;
    triggers.push(trigger);
  }
  return triggers;
}
