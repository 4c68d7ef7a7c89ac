import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';

export interface Asset {
  readonly name: string;
  readonly type: string;
  readonly text: string;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** `../` leads to the same folder from `src/` and from `dist/`. */
const FOLDER = new URL('../playground/', import.meta.url);

/**
 * All files of the playground, in memory. A request names one of them or none: no path is ever
 * made out of what a request says.
 */
export function readAssets(): readonly Asset[] {
  const own = readdirSync(FOLDER).map((name) =>
    assetOf(name, readFileSync(new URL(name, FOLDER), 'utf8')),
  );
  // The build without encryption throws where an encrypted channel is asked for; this one says so.
  const { resolve } = createRequire(import.meta.url);
  const sdk = resolve('pusher-js/dist/web/pusher-with-encryption.min.js');
  return [...own, assetOf('pusher.js', readFileSync(sdk, 'utf8'))];
}

function assetOf(name: string, text: string): Asset {
  const type = TYPES[extname(name)];
  if (type === undefined) throw new Error(`a file of the playground has no type: ${name}`);
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  return { name, type, text, etag };
}
