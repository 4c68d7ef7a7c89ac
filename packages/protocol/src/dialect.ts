import { limits } from './limits.ts';

/** Whose names an app's clients and backend use: hosted Pusher's or those of webman/push. */
export type Dialect = 'pusher' | 'webman';

/** C0, DEL, C1, and halves of surrogate pairs, which no UTF-8 can carry. Our own keys have separators among the first. */
const NOT_FREE = /[\p{Cc}\p{Cs}]/u;

/** Any text but an empty one, without control characters, of so many characters at most. */
export function isFreeName(text: string, charsMax: number): boolean {
  return text !== '' && !hasMoreCharacters(text, charsMax) && !NOT_FREE.test(text);
}

/** Characters and not UTF-16 units: a name in emoji has twice as many of those. */
export function hasMoreCharacters(text: string, max: number): boolean {
  return text.length > max && (text.length > 2 * max || Array.from(text).length > max);
}

/** What a channel name has to be, for whoever sent one that is none. */
export function channelNameRule(
  dialect: Dialect,
  maxChars: number = limits.channelNameChars,
): string {
  return `expected 1 to ${maxChars} characters${dialect === 'webman' ? NO_CONTROL : ' out of A-Z a-z 0-9 _ - = @ , . ;'}`;
}

export function eventNameRule(dialect: Dialect, maxChars: number = limits.eventNameChars): string {
  return `expected 1 to ${maxChars} characters${dialect === 'webman' ? NO_CONTROL : ''}`;
}

const NO_CONTROL = ', none of them a control character';
