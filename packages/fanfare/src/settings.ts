import { apiSettings } from '@fanfare/api';
import { commonSettings, type SettingsShape } from '@fanfare/core';
import { edgeSettings } from '@fanfare/edge';
import { z } from 'zod';

/** The settings of each role, put together here and nowhere else. */
export const edgeRoleSettings = { ...commonSettings, ...edgeSettings } as const;
export const apiRoleSettings = { ...commonSettings, ...apiSettings } as const;
export const webhooksRoleSettings = commonSettings;
export const startSettings = {
  ...edgeRoleSettings,
  ...apiSettings,
  API_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address on which backends call the API. `fanfare api` defaults to 0.0.0.0.'),
} as const;

/** The settings of a command, one line each, for its `--help`. */
export function describeSettings(shape: SettingsShape): string {
  const width = Math.max(...Object.keys(shape).map((name) => name.length)) + 2;
  return Object.entries(shape)
    .map(
      ([name, schema]) => `  ${name.padEnd(width)}${schema.description ?? ''}${defaultOf(schema)}`,
    )
    .join('\n');
}

/** The default as it would be written, or nothing. */
export function defaultText(schema: z.ZodType): string | undefined {
  const result = schema.safeParse(undefined);
  if (!result.success || result.data === undefined) return undefined;
  const text = typeof result.data === 'string' ? result.data : JSON.stringify(result.data);
  return text === '' ? undefined : text;
}

function defaultOf(schema: z.ZodType): string {
  const text = defaultText(schema);
  return text === undefined ? '' : ` (default ${text})`;
}
