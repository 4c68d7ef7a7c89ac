/**
 * `unavailable`: what we depend on is away or too slow. `closed`: the thing was disposed of already.
 * `misconfigured`: waiting will not help; someone has to correct a setting, and the message says which.
 */
export type FailureCode = 'unavailable' | 'closed' | 'misconfigured';

/** The world failed: a code for programs, the cause for people. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function isFailure(error: unknown, code: FailureCode): error is Failure {
  return error instanceof Failure && error.code === code;
}
