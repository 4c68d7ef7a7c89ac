import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The command line is not as it should be; the message says what is wrong with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** `parseArgs` whose complaints are UsageErrors. */
export function readArguments<O extends Options>(
  argv: readonly string[],
  options: O,
  positionals: { readonly min: number; readonly max: number },
): ReturnType<typeof parseArgs<{ options: O; allowPositionals: true; args: string[] }>> {
  const parsed = parse(argv, options);
  const count = parsed.positionals.length;
  if (count < positionals.min) throw new UsageError('an argument is missing');
  if (count > positionals.max)
    throw new UsageError(`unexpected argument '${parsed.positionals[positionals.max] ?? ''}'`);
  return parsed;
}

function parse<O extends Options>(
  argv: readonly string[],
  options: O,
): ReturnType<typeof parseArgs<{ options: O; allowPositionals: true; args: string[] }>> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
