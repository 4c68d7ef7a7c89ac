import {
  clientErrors,
  encodeEventData,
  limits,
  type ClientError,
  type Dialect,
  type PresenceMember,
} from '@fanfare/protocol';

export type ParsedMember =
  | { readonly ok: true; readonly member: PresenceMember }
  | { readonly ok: false; readonly error: ClientError };

/** Half of a surrogate pair: in UTF-8 it would become another character, and so another user. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The member that `channel_data` names: the very text that was signed. Never throws, whatever the text. */
export function parseMember(
  channelData: string,
  dialect: Dialect,
  maxInfoBytes: number = limits.presenceUserInfoBytes,
): ParsedMember {
  const fields = parseFields(channelData);
  if (fields === undefined)
    return refused(clientErrors.invalidParameter('data.channel_data', 'an object as JSON'));
  const user = userOf(fields['user_id']);
  if (user === undefined) return refused(clientErrors.invalidUserId(limits.presenceUserIdChars));
  const info = infoOf(fields['user_info'], dialect);
  if (info === undefined) return refused(clientErrors.invalidUserInfo());
  if (Buffer.byteLength(info) > maxInfoBytes)
    return refused(clientErrors.userInfoTooLarge(maxInfoBytes));
  return { ok: true, member: { user, info } };
}

/** Backends sign numbers as often as text. From 2^53 on, two numbers may read as the same. */
function userOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string' || value === '') return undefined;
  const fits = value.length <= limits.presenceUserIdChars && !LONE_SURROGATE.test(value);
  return fits ? value : undefined;
}

/**
 * As JSON, which is empty when there is none; undefined for what is no object. webman/push takes any
 * value, and PHP writes an empty hash as an array.
 */
export function infoOf(value: unknown, dialect: Dialect = 'pusher'): string | undefined {
  if (value === undefined || value === null) return '';
  const isHash = typeof value === 'object' && !Array.isArray(value);
  if (!isHash && dialect !== 'webman') return undefined;
  return (typeof value === 'string' ? JSON.stringify(value) : encodeEventData(value)) ?? TOO_DEEP;
}

/** Too deeply nested to be written as JSON, so longer than any limit. */
const TOO_DEEP = 'x'.repeat(limits.clientFrameBytes + 1);

/** The members of an object as JSON; undefined for any other text. */
export function parseFields(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    // A SyntaxError is the answer "not JSON"; JSON.parse throws nothing else.
    return undefined;
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(error: ClientError): ParsedMember {
  return { ok: false, error };
}
