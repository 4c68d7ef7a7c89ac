import { z } from 'zod';

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

const SECRET = { secret: true } as const;

/** A setting whose value is never shown. */
export function secret<T extends z.ZodType>(schema: T): T {
  return schema.meta({ ...schema.meta(), ...SECRET });
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
  const result = z.object(shape).safeParse(given);
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
  if (schema !== undefined && isSecret(schema)) return 'got a value that is not shown';
  return `got ${JSON.stringify(value)}`;
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
    return `${name}=${isSecret(schema) ? maskSecret(text) : text}`;
  });
}

function isSecret(schema: z.ZodType): boolean {
  return schema.meta()?.['secret'] === true;
}

/** A URL keeps everything but its password, so that an operator sees where it points. */
function maskSecret(value: string): string {
  return value.includes('://') ? value.replace(/\/\/([^/@]*)@/, '//***@') : '***';
}
