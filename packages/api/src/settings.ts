import { wholeNumber } from '@fanfare/core';
import { z } from 'zod';

export const apiSettings = {
  API_HOST: z.string().default('0.0.0.0').describe('Address on which backends call the API.'),
  API_PORT: wholeNumber(0, 65_535).default(3232).describe('Its port.'),
  API_PATH_PREFIX: z
    .string()
    .regex(/^(\/[^/?#]+)*$/, 'expected a path such as /push: a slash in front, none at the end')
    .default('')
    .describe('What stands before `/apps/{id}` in the path. It is not part of what is signed.'),
} as const;
