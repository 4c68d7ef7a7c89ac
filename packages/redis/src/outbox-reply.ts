import {
  countEvent,
  existenceEvent,
  parseSubjectKey,
  type ClaimedLane,
  type DeadLetter,
  type OutboxEntry,
  type Polled,
  type Tended,
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

function parseEntries(partition: number, reply: unknown): readonly OutboxEntry[] {
  return asList(reply).map((entry) => parseEntry(partition, entry));
}

/** Either what `emit` wrote of a subject (`s`, and `u` for up or `n` for a count), or an event as it was appended (`e`). */
function parseEntry(partition: number, reply: unknown): OutboxEntry {
  const [id, fields] = asList(reply);
  const field = new Map(asPairs(fields).map(([name, value]) => [name, asText(value)]));
  const event = parseEvent(field);
  return { id: `${partition}-${asText(id)}`, timeMs: asNumber(field.get('t')), event };
}

function parseEvent(field: ReadonlyMap<string, string>): WebhookEvent {
  const key = field.get('s');
  if (key === undefined) return JSON.parse(field.get('e') ?? '') as WebhookEvent; // oxlint-disable-line typescript/no-unsafe-type-assertion -- written by append
  const subject = parseSubjectKey(key);
  const count = field.get('n');
  if (count !== undefined) return countEvent(subject.channel, asNumber(count));
  return existenceEvent(subject, field.get('u') === '1');
}

/** The first three values of a list. */
export function asTended([reconciled, fenced, reaped]: readonly unknown[]): Tended {
  return {
    reconciled: asNumber(reconciled),
    fenced: asNumber(fenced),
    reaped: asNumber(reaped),
  };
}

const NOTHING: Omit<Polled, 'nowMs'> = {
  tended: { reconciled: 0, fenced: 0, reaped: 0 },
  unrouted: [],
  lanes: [],
};

export function parsePolled(partition: number, token: string, reply: unknown): Polled {
  if (!Array.isArray(reply)) return { nowMs: asNumber(reply), ...NOTHING };
  const [nowMs, ...list] = asList(reply);
  const claimed = asList(list[4]);
  return {
    nowMs: asNumber(nowMs),
    tended: asTended(list),
    unrouted: asPairs(list[3]).map(([app, entries]) => ({
      app: appId(app),
      entries: parseEntries(partition, entries),
    })),
    lanes: Array.from({ length: claimed.length / 3 }, (_, at) => ({
      partition,
      token,
      ...parseLaneName(claimed[3 * at]),
      attempts: asNumber(claimed[3 * at + 1]),
      entries: parseEntries(partition, claimed[3 * at + 2]),
    })),
  };
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

function appId(text: string): AppId {
  const app = parseAppId(text);
  if (app === undefined) throw new Error('Redis named an app by what is no id');
  return app;
}
