import { closeReasons, type CloseReason } from './close-code.ts';

export type ConnectRequest =
  | { readonly ok: true; readonly key: string }
  | { readonly ok: false; readonly reason: CloseReason };

const APP_PATH = /^\/app\/([^/]+)\/?$/;
/** The greedy part leaves the last `/app/{key}`; a slash too many in front of it is webman's clients' own. */
const APP_PATH_ANYWHERE = /^\/(?:.*\/)?app\/([^/]+)\/?$/;
const SUPPORTED_PROTOCOLS = { min: 4, max: 7 } as const;

/**
 * Reads the path `[prefix]/app/{key}` and the query's `protocol`, the only parameter that counts:
 * SDKs of any age send others of their own. No `protocol` means 7. Without a prefix of ours any will
 * do, for a proxy may leave its own in front.
 */
export function parseConnectRequest(
  path: string,
  protocol: string | undefined,
  prefix: string,
): ConnectRequest {
  const key = decode(keySegment(path, prefix));
  if (key === undefined) return { ok: false, reason: closeReasons.pathNotFound };

  if (protocol === undefined || protocol === '') return { ok: true, key };
  if (!/^-?\d+$/.test(protocol)) return { ok: false, reason: closeReasons.invalidVersion };
  const version = Number(protocol);
  const supported = version >= SUPPORTED_PROTOCOLS.min && version <= SUPPORTED_PROTOCOLS.max;
  return supported ? { ok: true, key } : { ok: false, reason: closeReasons.unsupportedProtocol };
}

function keySegment(path: string, prefix: string): string | undefined {
  if (prefix === '') return APP_PATH_ANYWHERE.exec(path)?.[1];
  return path.startsWith(prefix) ? APP_PATH.exec(path.slice(prefix.length))?.[1] : undefined;
}

function decode(segment: string | undefined): string | undefined {
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray percent sign is no key of ours; the path does not exist.
    return undefined;
  }
}
