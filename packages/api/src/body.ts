import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { limits } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

export type Fields = Readonly<Record<string, unknown>>;

const EMPTY = Buffer.alloc(0);
const NO_FIELDS: Fields = {};

/** The bytes of a body, read once and from Node's own stream where there is one: it costs least. */
export function readBody(
  request: Request,
  incoming: IncomingMessage | undefined,
): Buffer | Refusal | Promise<Buffer | Refusal> {
  if (incoming === undefined) return readRequest(request);
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (length === undefined && encoding === undefined) return EMPTY;
  if (Number(length) > limits.requestBodyBytes) return tooLarge();
  return readIncoming(incoming);
}

/** The parameters in a body; one without bytes has none. */
export function decodeBody(bytes: Buffer): Fields | Refusal {
  if (bytes.length === 0) return NO_FIELDS;
  const text = bytes.toString('utf8');
  // What is no UTF-8 became U+FFFD; to look for that in the text costs less than to look at all bytes.
  if (text.includes('\ufffd') && !isUtf8(bytes)) return httpErrors.bodyNotUtf8();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A SyntaxError; JSON.parse throws nothing else.
    return httpErrors.bodyNotJson();
  }
  return isFields(value) ? value : httpErrors.bodyNotObject();
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readIncoming(incoming: IncomingMessage): Promise<Buffer | Refusal> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.requestBodyBytes) {
        chunks.push(chunk);
        return;
      }
      // What still comes is thrown away; node-server ends a caller that does not stop.
      chunks = [];
      resolve(tooLarge());
    });
    incoming.on('end', () => {
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
    });
    // A caller that went away in between; nobody reads this answer, but no promise stays open.
    const lost = (): void => {
      if (!incoming.complete) resolve(httpErrors.bodyIncomplete());
    };
    incoming.on('error', lost);
    incoming.on('close', lost);
  });
}

async function readRequest(request: Request): Promise<Buffer | Refusal> {
  const bytes = Buffer.from(await request.arrayBuffer());
  return bytes.length > limits.requestBodyBytes ? tooLarge() : bytes;
}

function tooLarge(): Refusal {
  return httpErrors.bodyTooLarge(limits.requestBodyBytes);
}
