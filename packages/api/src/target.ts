import type { IncomingMessage } from 'node:http';

type Sent = Pick<IncomingMessage, 'url'> | undefined;

/**
 * The target of a request as it was sent, path and query. A `Request` has its URL normalised, and
 * a signature covers what was sent, so the URL counts only where there is nothing else.
 */
export function sentTarget(url: string, sent: Sent): string {
  if (sent?.url?.startsWith('/') === true) return sent.url;
  return url.slice(url.indexOf('/', url.indexOf('://') + 3));
}

/**
 * The path of a target, still percent-encoded, below the mount prefix. Outside of it there is
 * nothing: the empty path matches no route.
 */
export function pathOf(target: string, prefix: string): string {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return path.startsWith(prefix) ? path.slice(prefix.length) : '';
}

/** The query of a target, still percent-encoded, without its question mark. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark + 1);
}
