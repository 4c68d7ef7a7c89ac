import { parseSocketId, type ChannelKey, type SocketId } from '@fanfare/protocol';
import type { BusEvents } from './ports/bus.ts';

/**
 * Where a recorded message stands in its channel; `seq` is 0 for one that is not recorded. Within an
 * epoch later messages have higher numbers. Of two epochs one began a history's time after the other ended.
 */
export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/**
 * What travels between processes: a header line and then the frame's bytes.
 *
 *     epoch:seq:id:flags:except\n{"event":…}
 *
 * `epoch` and `seq` place a recorded message in its channel (`0` where it is not recorded), `id`
 * names it, `flags` are letters or none (`c`: for the edges themselves, not for their sockets),
 * `except` is a socket id or empty. A receiver slices; it never parses the frame.
 */
export interface Envelope extends Place {
  readonly id: string;
  readonly except: SocketId | null;
  readonly control: boolean;
  readonly frame: Uint8Array;
}

const ID = /^[\w.-]{1,64}$/;
const HEADER = /^([^:]{1,64}):(\d{1,15}):([\w.-]{1,64}):([^:]*):([\d.]*)$/;
const CONTROL = 'c';
/** Longer than any header of ours; keeps the search short in bytes that are none. */
const HEADER_BYTES = 256;

/** The part of an envelope that its publisher knows; the bus puts `epoch:seq:` in front. */
export function envelopeBody(
  id: string,
  except: SocketId | null,
  frame: string,
  control = false,
): string {
  if (!ID.test(id)) throw new Error('a bus message has an id that no envelope can carry');
  return `${id}:${control ? CONTROL : ''}:${except ?? ''}\n${frame}`;
}

/** Undefined for bytes that are no envelope: another program may publish to our topics. */
export function decodeEnvelope(bytes: Buffer): Envelope | undefined {
  const end = bytes.subarray(0, HEADER_BYTES).indexOf(0x0a);
  if (end === -1) return undefined;
  const [, epoch, seq, id, flags, socket] = HEADER.exec(bytes.toString('latin1', 0, end)) ?? [];
  if (epoch === undefined || seq === undefined || id === undefined) return undefined;
  if (flags === undefined || socket === undefined) return undefined;
  const except = socket === '' ? null : parseSocketId(socket);
  if (except === undefined) return undefined;
  const control = flags.includes(CONTROL);
  return { epoch, seq: Number(seq), id, except, control, frame: bytes.subarray(end + 1) };
}

/** Gives what has arrived to whom it is for: the sockets of the channel, or this process itself. */
export function handOut(
  envelope: Envelope,
  channel: ChannelKey,
  events: Pick<BusEvents, 'onMessage' | 'onControl'>,
): void {
  const { frame, except, control } = envelope;
  if (control) events.onControl?.(channel, Buffer.from(frame).toString());
  else events.onMessage(channel, frame, except, envelope);
}
