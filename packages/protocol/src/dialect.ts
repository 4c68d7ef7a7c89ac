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
function hasMoreCharacters(text: string, max: number): boolean {
  return text.length > max && (text.length > 2 * max || Array.from(text).length > max);
}

const CHANNEL_NAME_RULES: Readonly<Record<Dialect, string>> = {
  pusher: `expected 1 to ${limits.channelNameChars} characters out of A-Z a-z 0-9 _ - = @ , . ;`,
  webman: `expected 1 to ${limits.channelNameChars} characters, none of them a control character`,
};
const EVENT_NAME_RULES: Readonly<Record<Dialect, string>> = {
  pusher: `expected 1 to ${limits.eventNameChars} characters`,
  webman: `expected 1 to ${limits.eventNameChars} characters, none of them a control character`,
};

/** What a channel name has to be, for whoever sent one that is none. */
export function channelNameRule(dialect: Dialect): string {
  return CHANNEL_NAME_RULES[dialect];
}

export function eventNameRule(dialect: Dialect): string {
  return EVENT_NAME_RULES[dialect];
}
