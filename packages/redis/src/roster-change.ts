import type { RosterChange } from '@fanfare/core';

const HEADER = /^(\d+):(\d+):([+-]):(\d+)$/;
const COUNT = /^n:([1-9]\d{0,14})$/;
/** Longer than any count. */
const COUNT_BYTES = 20;
const NEWLINE = 0x0a;

/** What is published on the same topic by `tell` there: `n:` and a count. Undefined for anything else. */
export function decodeCount(message: Uint8Array): number | undefined {
  if (message.byteLength > COUNT_BYTES) return undefined;
  const match = COUNT.exec(Buffer.from(message).toString('latin1'));
  return match === null ? undefined : Number(match[1]);
}

/**
 * What is published on a roster's topic, by `step_roster` in lua/state-decide.lua: the line
 * `from:version:sign:n`, then the user's id of n bytes, then the user_info. The sign is `+` for who
 * came and `-` for who went. Undefined for anything else.
 */
export function decodeRosterChange(message: Uint8Array): RosterChange | undefined {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const end = bytes.indexOf(NEWLINE);
  const header = HEADER.exec(bytes.toString('latin1', 0, Math.max(end, 0)));
  if (header === null) return undefined;
  const userEnd = end + 1 + Number(header[4]);
  if (userEnd > bytes.length) return undefined;
  return {
    from: Number(header[1]),
    version: Number(header[2]),
    joined: header[3] === '+',
    user: bytes.toString('utf8', end + 1, userEnd),
    info: bytes.toString('utf8', userEnd),
  };
}
