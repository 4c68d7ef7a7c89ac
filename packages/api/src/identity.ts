import { createHash } from 'node:crypto';
import type { AppId } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

/** What makes a repeated request recognisable. */
export interface Identity {
  readonly id: string;
  /** The caller named the request: what was published under this id is not published again. */
  readonly once: boolean;
}

const KEY_CHARS = 255;
const KEY = /^[\x21-\x7e]+$/;
/** Leaves room for the suffix that tells the events of a batch apart. */
const ID_CHARS = 40;

/** The same key of the same app gives the same id, in every process. */
export function requestIdentity(
  app: AppId,
  idempotencyKey: string | undefined,
  newId: () => string,
): Identity | Refusal {
  if (idempotencyKey === undefined) return { id: newId(), once: false };
  if (idempotencyKey.length > KEY_CHARS || !KEY.test(idempotencyKey))
    return httpErrors.idempotencyKey(KEY_CHARS);
  const digest = createHash('sha256').update(`${app}\n${idempotencyKey}`).digest('base64url');
  return { id: digest.slice(0, ID_CHARS), once: true };
}
