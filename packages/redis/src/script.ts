import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** The path resolves the same from `src` and from `dist`, so nothing has to be copied. */
export function readScript(name: string): Script {
  return asScript(readFileSync(new URL(`../lua/${name}.lua`, import.meta.url), 'utf8'));
}

export function asScript(text: string): Script {
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/**
 * Redis has forgotten its scripts: it was restarted, or someone flushed them. The command was not
 * carried out. Whoever sends it again puts `SCRIPT LOAD` in front, on the same connection, and then
 * everything in its old order. EVAL would do for one command, but Redis may forget the scripts that
 * came by EVAL again, and ioredis' own handling sends the failed command behind those that follow it.
 */
export function isForgottenScript(error: Error): boolean {
  return error.message.startsWith('NOSCRIPT');
}
