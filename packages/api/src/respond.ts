import type { Refusal } from './refusal.ts';

/** The JSON text of a 200, or what is wrong. */
export type Answer = string | Refusal;

/** Made once: node-server writes a plain object's headers without copying them. */
const JSON_HEADERS = { 'content-type': 'application/json' };
/** `nosniff`, as a refusal repeats what its caller sent. */
const TEXT_HEADERS = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
};

export function respond(answer: Answer): Response {
  if (typeof answer === 'string')
    return new Response(answer, { status: 200, headers: JSON_HEADERS });
  const { status, text, headers } = answer;
  return new Response(text, {
    status,
    headers: headers === undefined ? TEXT_HEADERS : { ...TEXT_HEADERS, ...headers },
  });
}
