import { isDeepStrictEqual } from 'node:util';

/** A rule is broken; the message says what was expected and what came. */
export class Unmet extends Error {
  override readonly name = 'Unmet';
}

/** The rule does not apply to this server, as it turned out on the way. */
export class Inapplicable extends Error {
  override readonly name = 'Inapplicable';
}

export type Fields = Readonly<Record<string, unknown>>;

/** Characters of what came that a report repeats. */
const SHOWN_CHARS = 300;

export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= SHOWN_CHARS ? line : `${line.slice(0, SHOWN_CHARS)}…`;
}

export function unmet(expected: string, got: unknown): never {
  throw new Unmet(`expected ${expected}, got ${shown(got)}`);
}

/** The first is what stands in the report beside what came. */
export function ensure(holds: boolean, expected: string, got: unknown): void {
  if (!holds) unmet(expected, got);
}

export function same(got: unknown, wanted: unknown, what = ''): void {
  if (isDeepStrictEqual(got, wanted)) return;
  unmet(what === '' ? shown(wanted) : `${what} ${shown(wanted)}`, got);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown, what: string): Fields {
  return isFields(value) ? value : unmet(`${what} to be a JSON object`, value);
}

export function textOf(value: unknown, what: string): string {
  return typeof value === 'string' ? value : unmet(`${what} to be a string`, value);
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : unmet(`${what} to be an array`, value);
}

export function parsed(text: unknown, what: string): unknown {
  try {
    return JSON.parse(textOf(text, what));
  } catch (error) {
    if (error instanceof Unmet) throw error;
    return unmet(`${what} to be JSON`, text);
  }
}

/** `data` of a frame: JSON in a string. */
export function dataOf(frame: Fields): Fields {
  return fieldsOf(parsed(frame['data'], 'data'), 'data');
}

/** Values that have to be text, in an order that does not depend on who sent them. */
export function sortedTexts(values: Iterable<unknown>, what: string): readonly string[] {
  return [...values].map((value) => textOf(value, what)).toSorted();
}

/** Why something threw, on one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return shown(error);
  // Where each of several addresses of a name failed, Node's own message is empty.
  return error.message === '' ? 'the connection was refused' : shown(error.message);
}
