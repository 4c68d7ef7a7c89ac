import { parseRetryAfter } from './retry.ts';

/** How an attempt ended, as a label of metrics. */
export type OutcomeKind =
  | '2xx'
  | '3xx'
  | '4xx'
  | '5xx'
  | 'timeout'
  | 'refused'
  | 'closed'
  | 'unknown-host'
  | 'tls'
  | 'error';

export interface Outcome {
  readonly kind: OutcomeKind;
  /** For a person: `status 503`, `no answer within 4000 ms`. */
  readonly text: string;
  /** What the receiver asked for, in milliseconds. */
  readonly retryAfterMs?: number;
}

export interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

/** What is read of an answer's body, so that its connection can serve the next request. */
const BODY_BYTES = 65_536;

/**
 * In how many slices a request's time is counted. One during which we stood still counts as one,
 * however long it was: a receiver that has answered, or has not been asked yet, is not to be asked
 * again for that.
 */
const SLICES = 8;

/** One attempt. It never rejects: whatever happens is an outcome. */
export async function deliver({ url, headers, body, timeoutMs }: Request): Promise<Outcome> {
  const abort = new AbortController();
  let left = SLICES;
  const timer = setInterval(() => {
    left -= 1;
    // What the socket holds is read first.
    if (left === 0) setImmediate(() => abort.abort());
  }, timeoutMs / SLICES);
  try {
    const target = addressOf(url);
    const response = await fetch(target.url, {
      method: 'POST',
      // A receiver need not compress what nobody reads.
      headers: { ...target.headers, ...headers, 'accept-encoding': 'identity' },
      body,
      redirect: 'manual',
      signal: abort.signal,
    });
    await discard(response);
    return outcomeOf(response);
  } catch (error) {
    if (abort.signal.aborted) return { kind: 'timeout', text: `no answer within ${timeoutMs} ms` };
    return failureOf(error);
  } finally {
    clearInterval(timer);
  }
}

/** `fetch` refuses a URL with a name and a password in it. */
function addressOf(text: string): { url: URL; headers: Readonly<Record<string, string>> } {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url, headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

/** The status has decided already: a body that breaks off or never ends changes nothing. */
async function discard(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let bytes = 0; bytes <= BODY_BYTES;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read piece by piece
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // Its connection is closed; the next request opens another.
  }
}

function outcomeOf({ status, headers }: Response): Outcome {
  const text = `status ${status}`;
  if (status >= 200 && status < 300) return { kind: '2xx', text };
  const kind = status >= 500 ? '5xx' : status >= 400 ? '4xx' : '3xx';
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), Date.now());
  return retryAfterMs === undefined ? { kind, text } : { kind, text, retryAfterMs };
}

const KINDS: Readonly<Record<string, OutcomeKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  UND_ERR_SOCKET: 'closed',
  ENOTFOUND: 'unknown-host',
  EAI_AGAIN: 'unknown-host',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
};

/** `fetch` says no more than that it failed; why stands in the cause. */
function failureOf(error: unknown): Outcome {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  // Every address of the host was tried, and each has its own error.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  const code = first instanceof Error && 'code' in first ? String(first.code) : '';
  const text = first instanceof Error ? first.message : String(first);
  const isTls = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code);
  return { kind: KINDS[code] ?? (isTls ? 'tls' : 'error'), text };
}
