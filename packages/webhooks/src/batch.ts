import type { ClaimedLane, OutboxEntry, WebhookEvent } from '@fanfare/core';
import type { Dialect } from '@fanfare/protocol';
import { eventJson } from './payload.ts';

export interface BatchMax {
  readonly events: number;
  /** Of the request's body. */
  readonly bytes: number;
}

/** Lanes that share one request. Each holds only the entries that go with it, its first ones. */
export type Batch = readonly ClaimedLane[];

/** More than what stands around the events of a body. */
const ENVELOPE_BYTES = 64;

/**
 * Puts the lanes of one hook into as few requests as the bounds allow. A lane is in one request
 * only, so that its events never overtake each other; what of it does not fit is claimed later.
 */
export function batchesOf(
  lanes: readonly ClaimedLane[],
  dialect: Dialect,
  max: BatchMax,
): readonly Batch[] {
  const batches: Filling[] = [];
  for (const lane of lanes.toSorted(byAge)) {
    const part = firstPart(lane, dialect, max);
    if (part === undefined) continue;
    const open = batches.find(
      ({ company, events, bytes }) =>
        company === part.company &&
        events + part.events <= max.events &&
        bytes + part.bytes <= max.bytes,
    );
    if (open === undefined) {
      batches.push({ ...part, bytes: ENVELOPE_BYTES + part.bytes, lanes: [part.lane] });
      continue;
    }
    open.lanes.push(part.lane);
    open.events += part.events;
    open.bytes += part.bytes;
  }
  return batches.map(({ lanes: together }) => together);
}

/**
 * Which events may share a request. The PHP SDK decrypts every event of an encrypted channel and
 * throws on one that has no encrypted data, and with it all others of the request are lost.
 */
type Company = 'open' | 'encrypted' | 'about-encrypted';

interface Filling {
  readonly company: Company;
  readonly lanes: ClaimedLane[];
  events: number;
  bytes: number;
}

interface Part {
  readonly company: Company;
  readonly lane: ClaimedLane;
  readonly events: number;
  readonly bytes: number;
}

/** As many of the lane's first entries as may go together; at least one, however big it is. */
function firstPart(lane: ClaimedLane, dialect: Dialect, max: BatchMax): Part | undefined {
  const [first] = lane.entries;
  if (first === undefined) return undefined;
  const company = companyOf(first.event);
  let bytes = 0;
  const entries: OutboxEntry[] = [];
  for (const entry of lane.entries) {
    const more = Buffer.byteLength(eventJson(entry.event, dialect)) + 1;
    const fits = entries.length < max.events && ENVELOPE_BYTES + bytes + more <= max.bytes;
    if (companyOf(entry.event) !== company || (entries.length > 0 && !fits)) break;
    entries.push(entry);
    bytes += more;
  }
  return { company, lane: { ...lane, entries }, events: entries.length, bytes };
}

function companyOf({ name, channel }: WebhookEvent): Company {
  if (!channel.startsWith('private-encrypted-')) return 'open';
  return name === 'client_event' ? 'encrypted' : 'about-encrypted';
}

function byAge(a: ClaimedLane, b: ClaimedLane): number {
  return (a.entries[0]?.timeMs ?? 0) - (b.entries[0]?.timeMs ?? 0) || a.partition - b.partition;
}
