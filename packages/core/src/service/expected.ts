import { z } from 'zod';

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const KINDS: Readonly<Record<string, string>> = {
  string: 'text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
};

/** What is counted in a value that is too small or too big. */
const COUNTED: Readonly<Record<string, string>> = { string: 'character', array: 'entry' };

/**
 * What a value should have been, as a sentence goes on after the value's name; zod's own texts
 * ("Too small: expected string to have >=1 characters") speak to programmers. A text that the
 * schema has of its own goes before this one.
 */
export function expectedText(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected ${oneOf(issue.values.map(String))}`;
    case 'invalid_format':
      return issue.format === 'url'
        ? 'expected a URL'
        : `expected text like ${issue.pattern ?? issue.format}`;
    case 'too_small':
      return `expected ${amount('at least', issue.origin, Number(issue.minimum))}`;
    case 'too_big':
      return `expected ${amount('at most', issue.origin, Number(issue.maximum))}`;
    case 'unrecognized_keys':
      return unknownNames(issue.keys, issue.schema);
    case 'not_multiple_of':
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
    default:
      return undefined;
  }
}

function amount(bound: string, origin: string, count: number): string {
  const noun = COUNTED[origin];
  if (noun === undefined) return `a number of ${bound} ${count}`;
  return `${bound} ${count} ${count === 1 ? noun : plural(noun)}`;
}

function plural(noun: string): string {
  return noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}

function unknownNames(
  names: readonly string[],
  schema: z.core.$ZodType | undefined,
): string | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined;
  const quoted = names.map((name) => JSON.stringify(name)).join(' and ');
  const unknown = names.length === 1 ? `the name ${quoted} is` : `the names ${quoted} are`;
  return `${unknown} unknown, expected ${oneOf(Object.keys(schema.shape))}`;
}

/** `a, b or c` */
function oneOf(words: readonly string[]): string {
  const last = words.at(-1) ?? 'nothing';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}
