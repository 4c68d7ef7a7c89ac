import {
  existenceEvent,
  parseSubjectKey,
  type ClaimedLane,
  type DeadLetter,
  type OutboxEntry,
  type WebhookEvent,
} from '@fanfare/core';
import { parseAppId, type AppId } from '@fanfare/protocol';
import { asList, asNumber, asPairs, asText } from './reply.ts';

/** `app/hook`; an app's id has no slash. */
export function parseLaneName(name: unknown): Pick<ClaimedLane, 'app' | 'hook'> {
  const lane = asText(name);
  const slash = lane.indexOf('/');
  return { app: appId(lane.slice(0, slash)), hook: lane.slice(slash + 1) };
}

export function parseEntries(partition: number, reply: unknown): readonly OutboxEntry[] {
  return asList(reply).map((entry) => parseEntry(partition, entry));
}

/** Either what `emit` wrote of a subject (`s`, and `u` for up), or an event as it was appended (`e`). */
function parseEntry(partition: number, reply: unknown): OutboxEntry {
  const [id, fields] = asList(reply);
  const field = new Map(asPairs(fields).map(([name, value]) => [name, asText(value)]));
  const subject = field.get('s');
  const event =
    subject === undefined
      ? (JSON.parse(field.get('e') ?? '') as WebhookEvent) // oxlint-disable-line typescript/no-unsafe-type-assertion -- written by append
      : existenceEvent(parseSubjectKey(subject), field.get('u') === '1');
  return { id: `${partition}-${asText(id)}`, timeMs: asNumber(field.get('t')), event };
}

export function parseDeadLetter(partition: number, reply: unknown): DeadLetter {
  const [, fields] = asList(reply);
  const field = new Map(asPairs(fields));
  // What stands behind the event's id and the reason is the event as it was.
  const entry = parseEntry(partition, [field.get('i'), fields]);
  return { entry, reason: asText(field.get('r')) };
}

/** An entry's id without its partition, as the stream knows it. */
export function streamId(id: string): string {
  return id.slice(id.indexOf('-') + 1);
}

export function appId(text: string): AppId {
  const app = parseAppId(text);
  if (app === undefined) throw new Error('Redis named an app by what is no id');
  return app;
}
