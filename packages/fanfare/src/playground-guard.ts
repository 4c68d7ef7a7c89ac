import { isIPv4, isIPv6 } from 'node:net';

/** Anything a `Host` can rightly be: a name or an address, an IPv6 one in brackets, and perhaps a port. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/;

/**
 * Whether a `Host` names this machine. A website can let its own name resolve to 127.0.0.1 and is
 * then of one origin with us (DNS rebinding); what it cannot do is make the browser say another
 * name than its own. `told` is the one host beyond loopback that we were set up for.
 */
export function isOwnHost(host: string | undefined, told: string | undefined): boolean {
  const name = HOST.exec(host?.toLowerCase() ?? '')?.[1];
  if (name === undefined) return false;
  if (name === 'localhost' || name === '[::1]') return true;
  if (isIPv4(name) && name.startsWith('127.')) return true;
  if (told === undefined) return false;
  return name === (isIPv6(told) ? `[${told}]` : told).toLowerCase();
}

export interface Sender {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which no script can set. */
  readonly site: string | undefined;
}

/** Whether a request was made by a page of our own. Browsers without fetch metadata are judged by `Origin`. */
export function isOwnPage({ host, origin, site }: Sender): boolean {
  if (site !== undefined) return site === 'same-origin';
  if (host === undefined || origin === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host.toLowerCase();
}
