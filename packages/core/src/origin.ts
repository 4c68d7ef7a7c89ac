import { z } from 'zod';

/** Origins of one app: each connection of a page is compared with all of them. */
export const ORIGINS_MAX = 500;
/** No host has more than 253 characters; what is longer is nobody's origin. */
const ORIGIN_CHARS = 300;

const LABEL = '(?:\\*|[a-z0-9_-]+)';
/** A scheme, a host of labels or an IPv6 address, and perhaps a port; or what pages without an origin send. */
const ORIGIN = new RegExp(
  `^(?:null|file://|([a-z][a-z0-9+.-]*)://(${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?::(\\d{1,5}))?)$`,
);

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

const EXPECTED =
  'expected an origin such as https://example.com, https://*.example.com or http://localhost:8080; * stands for one label of the host';

/** One of an app's `allowedOrigins`, in the form in which it is compared. */
export const originSchema = z.string(EXPECTED).transform((input, context): string => {
  const origin = parseOrigin(input);
  if (origin !== undefined) return origin;
  context.issues.push({ code: 'custom', input, message: EXPECTED });
  return z.NEVER;
});

/** In lower case and without the port that the scheme has anyway; undefined for what is no origin. */
export function parseOrigin(input: string): string | undefined {
  if (input.length > ORIGIN_CHARS) return undefined;
  const match = ORIGIN.exec(input.toLowerCase());
  if (match === null) return undefined;
  const [whole, scheme = '', host = '', port] = match;
  if (whole === 'null' || whole === 'file://') return whole;
  const known = port === undefined || port === DEFAULT_PORTS[scheme];
  return `${scheme}://${host}${known ? '' : `:${port}`}`;
}

/**
 * Whether a page of this origin may connect. Only browsers send one, and no page can send another's:
 * who sends none is no page, and has other means to be kept out.
 */
export function allowsOrigin(allowed: readonly string[], sent: string | undefined): boolean {
  if (allowed.length === 0 || sent === undefined || sent === '') return true;
  const origin = parseOrigin(sent);
  if (origin === undefined || origin.includes('*')) return false;
  return allowed.some((pattern) => fits(pattern, origin));
}

function fits(pattern: string, origin: string): boolean {
  if (!pattern.includes('*')) return pattern === origin;
  const [wanted, given] = [pattern.split(/[./]/), origin.split(/[./]/)];
  if (wanted.length !== given.length) return false;
  return wanted.every((part, at) => fitsLabel(part, given[at] ?? ''));
}

/** The last label of a host has the port behind it, which no `*` stands for. */
function fitsLabel(part: string, given: string): boolean {
  if (!part.startsWith('*')) return part === given;
  const [label = '', port] = given.split(':');
  return label !== '' && part === (port === undefined ? '*' : `*:${port}`);
}
