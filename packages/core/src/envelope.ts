import { parseSocketId, type SocketId } from '@fanfare/protocol';

/**
 * What travels between processes: a header line and then the frame's bytes.
 *
 *     epoch:seq:id:flags:except\n{"event":…}
 *
 * `epoch` and `seq` place a recorded message in its channel (`0` where it is not recorded), `id`
 * names it, `flags` is empty and kept for later, `except` is a socket id or empty. A receiver
 * slices; it never parses the frame.
 */
export interface Envelope {
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
  readonly except: SocketId | null;
  readonly frame: Uint8Array;
}

/** The part of an envelope that its publisher knows; the bus puts `epoch:seq:` in front. */
export function envelopeBody(id: string, except: SocketId | null, frame: string): string {
  return `${id}::${except ?? ''}\n${frame}`;
}

/** Undefined for bytes that are no envelope: another program may publish to our topics. */
export function decodeEnvelope(bytes: Buffer): Envelope | undefined {
  const end = bytes.indexOf(0x0a);
  if (end === -1) return undefined;
  const header = bytes.toString('latin1', 0, end).split(':');
  const [epoch, seq, id, , except] = header;
  if (epoch === undefined || seq === undefined || id === undefined || except === undefined)
    return undefined;
  const number = Number(seq);
  if (!Number.isSafeInteger(number)) return undefined;
  return {
    epoch,
    seq: number,
    id,
    except: except === '' ? null : (parseSocketId(except) ?? null),
    frame: bytes.subarray(end + 1),
  };
}
