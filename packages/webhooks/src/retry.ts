import { isReplayLane, type ClaimedLane, type OutboxEntry } from '@fanfare/core';

export interface RetryOptions {
  /** The bound of the first delay; it doubles with every failure. */
  readonly baseMs: number;
  readonly capMs: number;
  /** A receiver may ask for a longer delay than ours, up to this. */
  readonly retryAfterCapMs: number;
  /** Older events are given up, once they were tried for as long as `capMs`. */
  readonly giveUpMs: number;
}

/** By a clock that is so far ahead of the one that the events' times are of. */
export interface Trying {
  /** When it began. */
  readonly sinceMs: number;
  readonly aheadMs: number;
}

/**
 * How long to wait after so many failures in a row. Anywhere from nothing to the bound: senders
 * that failed together would otherwise come back together.
 */
export function backoffMs(failures: number, options: RetryOptions, random: () => number): number {
  const bound = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.floor(random() * bound);
}

/** The delay before the next attempt: ours, or the receiver's if that is longer. */
export function retryDelayMs(
  failures: number,
  retryAfter: number | undefined,
  options: RetryOptions,
  random: () => number,
): number {
  const asked = Math.min(retryAfter ?? 0, options.retryAfterCapMs);
  return Math.max(asked, backoffMs(failures, options, random));
}

/** What a `Retry-After` asks for, in seconds or by date; undefined for anything else. */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // A date has a weekday in front; `Date.parse` alone takes numbers for years.
  const atMs = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/**
 * When the first of the lane's events is given up. Whatever its age, it is not before its endpoint
 * was tried for a while: after a long outage of ours a single failure must not cost it. What is
 * replayed was given up before, and gets its time anew.
 */
export function giveUpAtMs(lane: ClaimedLane, trying: Trying, options: RetryOptions): number {
  const [first] = lane.entries;
  return first === undefined ? Infinity : entryGiveUpAtMs(first, lane, trying, options);
}

/** The lane's first events that are to be given up by now. */
export function givenUp(
  lane: ClaimedLane,
  trying: Trying,
  nowMs: number,
  options: RetryOptions,
): readonly OutboxEntry[] {
  const end = lane.entries.findIndex(
    (entry) => entryGiveUpAtMs(entry, lane, trying, options) > nowMs,
  );
  return end === -1 ? lane.entries : lane.entries.slice(0, end);
}

function entryGiveUpAtMs(
  { timeMs }: OutboxEntry,
  { hook }: ClaimedLane,
  { sinceMs, aheadMs }: Trying,
  { giveUpMs, capMs }: RetryOptions,
): number {
  if (isReplayLane(hook)) return sinceMs + giveUpMs;
  return Math.max(timeMs + aheadMs + giveUpMs, sinceMs + capMs);
}
