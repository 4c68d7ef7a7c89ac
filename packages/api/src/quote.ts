/** How many characters of what a caller sent are repeated to it. */
const QUOTED_CHARS = 200;
/** Characters JSON leaves alone and terminals or viewers of plain text may act on. */
const UNSAFE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A caller's own text as it may stand in an error: in quotes, without control characters, and
 * never much longer than `chars`.
 */
export function quote(text: string, chars = QUOTED_CHARS): string {
  const cut = text.length <= chars ? text : `${text.slice(0, chars)}…`;
  return JSON.stringify(cut).replace(UNSAFE, '?');
}
