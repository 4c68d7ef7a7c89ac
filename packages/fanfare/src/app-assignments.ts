import { readFileSync } from 'node:fs';
import { UsageError } from './arguments.ts';

/** `limits.maxEventBytes=20480`; undefined takes the setting back to its default. */
export interface Assignment {
  readonly path: readonly [string, ...string[]];
  readonly value: unknown;
}

/** An app's settings as its operator wrote them. */
export type WrittenSettings = Readonly<Record<string, unknown>>;

/** What other verbs are for. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  id: 'an app keeps its id; add another app instead',
  keys: 'keys are changed by `fanfare apps rotate-key`, or given to `add` by --key and --secret',
};

const NAME = /^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/;

/**
 * A value is JSON, or text where it is none; `@name` stands for the JSON of a file. Whether the
 * setting exists and may be so is for the schema to say.
 */
export function parseAssignment(text: string): Assignment {
  const equals = text.indexOf('=');
  if (!NAME.test(text.slice(0, Math.max(0, equals))))
    throw new UsageError(`expected name=value, as limits.maxEventBytes=20480, got '${text}'`);
  const [first = '', ...rest] = text.slice(0, equals).split('.');
  const elsewhere = Object.hasOwn(ELSEWHERE, first) ? ELSEWHERE[first] : undefined;
  if (elsewhere !== undefined) throw new UsageError(`${first}: ${elsewhere}`);
  return { path: [first, ...rest], value: parseValue(text.slice(equals + 1)) };
}

export function assign(
  settings: WrittenSettings,
  { path: [name, ...rest], value }: Assignment,
): WrittenSettings {
  const [next, ...further] = rest;
  if (next === undefined) {
    if (value !== undefined) return { ...settings, [name]: value };
    const { [name]: _dropped, ...others } = settings;
    return others;
  }
  const own = Object.hasOwn(settings, name) ? settings[name] : undefined;
  const inner = assign(isObject(own) ? own : {}, { path: [next, ...further], value });
  return { ...settings, [name]: inner };
}

function parseValue(text: string): unknown {
  if (text === '') return undefined;
  if (text.startsWith('@')) return readJson(text.slice(1));
  try {
    return JSON.parse(text);
  } catch {
    // So that text needs no quotes within the quotes of a shell.
    return text;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read';
    throw new UsageError(`@${path}: expected a file of JSON, ${why}`, { cause });
  }
}

export function isObject(value: unknown): value is WrittenSettings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
