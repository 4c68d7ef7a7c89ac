/** What Redis answers is unknown until it has been looked at. Anything else than expected is a bug of ours. */
export function asText(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  throw unexpected('text', reply);
}

export function asNumber(reply: unknown): number {
  const number = typeof reply === 'string' ? Number(reply) : reply;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw unexpected('a number', reply);
}

export function asList(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected('a list', reply);
}

/** `a, 1, b, 2` as pairs. */
export function asPairs(reply: unknown): readonly (readonly [string, unknown])[] {
  const list = asList(reply);
  return Array.from({ length: list.length / 2 }, (_, at) => [
    asText(list[2 * at]),
    list[2 * at + 1],
  ]);
}

function unexpected(expected: string, reply: unknown): Error {
  return new Error(`Redis should have answered ${expected}, not ${typeof reply}`);
}
