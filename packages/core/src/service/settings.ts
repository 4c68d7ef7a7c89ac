import { shown } from '@fanfare/protocol';
import { z } from 'zod';
import { expectedText } from './expected.ts';
import { decodeRedisUrl } from './redis-url.ts';

/** Environment variables and what each must look like; `describe` is the line of the settings table. */
export type SettingsShape = Readonly<Record<string, z.ZodType>>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with the settings; each problem is one line for a person. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`${problems.length} wrong setting${problems.length === 1 ? '' : 's'}`);
    this.problems = problems;
  }
}

/** What of a setting may not be seen: all of it, or of a URL what stands beside scheme, host and path. */
type Secrecy = 'whole' | 'url';

/** A setting whose value is never shown. */
export function secret<T extends z.ZodType>(schema: T): T {
  return schema.meta({ ...schema.meta(), secrecy: 'whole' satisfies Secrecy });
}

/** A URL with a password in it: an operator still sees where it points. */
export function secretUrl<T extends z.ZodType>(schema: T): T {
  return schema.meta({ ...schema.meta(), secrecy: 'url' satisfies Secrecy });
}

/** A whole number written in digits; `Number('')` and `Number('0x10')` are no settings anyone meant. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
}

/**
 * Reads the settings of one process. An empty variable counts as absent, as an orchestrator's
 * template leaves it. Throws a `SettingsError` that lists every mistake.
 */
export function readSettings<Shape extends SettingsShape>(
  shape: Shape,
  environment: Environment,
): z.output<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(shape)
      .map((name) => [name, environment[name]] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = z.object(shape).safeParse(given, { error: expectedText });
  if (result.success) return result.data;
  throw new SettingsError(
    result.error.issues.map(({ path, message }) => {
      const name = path.join('.');
      return `${name}: ${message}, ${got(shape[name], given[name])}`;
    }),
  );
}

function got(schema: z.ZodType | undefined, value: string | undefined): string {
  if (value === undefined) return 'it is not set';
  if (schema !== undefined && secrecyOf(schema) !== undefined)
    return 'got a value that is not shown';
  return `got ${JSON.stringify(shown(value))}`;
}

/** Effective values in the order of the shape, secrets masked, for `fanfare config`. */
export function showSettings(
  shape: SettingsShape,
  values: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(shape).map(([name, schema]) => {
    const value = values[name];
    if (value === undefined) return `${name}=`;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${name}=${masked(text, secrecyOf(schema))}`;
  });
}

/** Also of a schema that was made optional, given a default or transformed after it was marked. */
function secrecyOf(schema: z.core.$ZodType): Secrecy | undefined {
  const own = z.globalRegistry.get(schema)?.['secrecy'];
  if (own === 'whole' || own === 'url') return own;
  const { def } = schema._zod;
  const inner = 'innerType' in def ? def.innerType : 'in' in def ? def.in : undefined;
  return inner instanceof z.core.$ZodType ? secrecyOf(inner) : undefined;
}

const MASK = '***';

function masked(text: string, secrecy: Secrecy | undefined): string {
  if (secrecy === undefined) return text;
  return secrecy === 'whole' ? MASK : maskedUrl(text);
}

/** Where a URL points, without what may be a secret in it. */
export function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return maskedHosts(text) ?? MASK;
  // Taken apart rather than searched: a password may contain an @, and a query may be a password too.
  const { protocol, username, password, host, pathname, search, hash } = new URL(text);
  const user = username === '' && password === '' ? '' : `${MASK}@`;
  const rest = search === '' && hash === '' ? '' : `?${MASK}`;
  return `${protocol}//${user}${host}${pathname}${rest}`;
}

/** A URL of several hosts is none to others than us. */
function maskedHosts(text: string): string | undefined {
  if (typeof decodeRedisUrl(text) === 'string') return undefined;
  const [, scheme = '', user, hosts = '', path = '', search] =
    /^([^/]*):\/\/([^/?#]*@)?([^/?#]*)([^?]*)(\?.*)?$/.exec(text) ?? [];
  return `${scheme}://${user === undefined ? '' : `${MASK}@`}${hosts}${path}${search === undefined ? '' : `?${MASK}`}`;
}
