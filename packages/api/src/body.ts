import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { limits } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

export type Fields = Readonly<Record<string, unknown>>;

const EMPTY = new Uint8Array(0);
const NO_FIELDS: Fields = {};

/** The bytes of a body, read once and from Node's own stream where there is one: it costs least. */
export function readBody(
  request: Request,
  incoming: IncomingMessage | undefined,
): Uint8Array | Refusal | Promise<Uint8Array | Refusal> {
  if (incoming === undefined) return readRequest(request);
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (length === undefined && encoding === undefined) return EMPTY;
  if (Number(length) > limits.requestBodyBytes) return tooLarge();
  return readIncoming(incoming);
}

/** The parameters in a body; one without bytes has none. */
export function decodeBody(bytes: Uint8Array): Fields | Refusal {
  if (bytes.length === 0) return NO_FIELDS;
  if (!isUtf8(bytes)) return httpErrors.bodyNotUtf8();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
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

function readIncoming(incoming: IncomingMessage): Promise<Uint8Array | Refusal> {
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
    // A caller that went away in between; nobody reads this answer, and no promise is left open.
    const lost = (): void => resolve(httpErrors.bodyIncomplete());
    incoming.on('error', lost);
    incoming.on('close', lost);
  });
}

async function readRequest(request: Request): Promise<Uint8Array | Refusal> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.length > limits.requestBodyBytes ? tooLarge() : bytes;
}

function tooLarge(): Refusal {
  return httpErrors.bodyTooLarge(limits.requestBodyBytes);
}
