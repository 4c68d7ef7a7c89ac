import type { IncomingMessage } from 'node:http';

const LATIN1 = /[\u0080-\u00ff]/;

/** A request target as sent: still percent-encoded, and without the mount prefix. */
export interface Target {
  readonly path: string;
  /** Without its question mark; empty when there is none. */
  readonly query: string;
}

/**
 * Cuts the target of a request out of what Node received. A `Request` has its URL normalised, and
 * a signature covers what was sent, so the URL is used only where there is nothing else.
 */
export function targetOf(
  url: string,
  incoming: Pick<IncomingMessage, 'url'> | undefined,
  prefix: string,
): Target {
  const target = sentTarget(url, incoming?.url);
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return {
    // Outside the mount prefix there is nothing; the empty path matches no route.
    path: path.startsWith(prefix) ? path.slice(prefix.length) : '',
    query: mark === -1 ? '' : target.slice(mark + 1),
  };
}

function sentTarget(url: string, sent: string | undefined): string {
  if (sent?.startsWith('/') !== true) return url.slice(url.indexOf('/', url.indexOf('://') + 3));
  // Node reads the request line as Latin-1; a caller that escapes nothing, as webman's, meant UTF-8.
  return LATIN1.test(sent) ? Buffer.from(sent, 'latin1').toString('utf8') : sent;
}
