import type { Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';

/** A route that Pusher has and this version does not: its caller is told so once it has shown who it is. */
export function notAvailable(what: string): Serve {
  return () => httpErrors.notAvailable(what);
}
