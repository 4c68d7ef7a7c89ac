import { connectionsKey, type AppId, type ChannelKey } from '@fanfare/protocol';

/**
 * Channels are spread over this many partitions. It is part of every name in Redis, so processes
 * with different numbers would not hear each other: the layout key guards it.
 */
export const PARTITIONS = 256;

const SLOTS = 16_384;
const SLASH = 0x2f;

/** FNV-1a over the app's id, a zero byte and the channel's name; a channel key has a slash between them. */
export function partitionOf(channel: ChannelKey): number {
  let hash = 0x811c9dc5;
  let inApp = true;
  for (const byte of Buffer.from(channel)) {
    const separator = inApp && byte === SLASH;
    if (separator) inApp = false;
    hash = Math.imul(hash ^ (separator ? 0 : byte), 0x01000193);
  }
  return (hash >>> 0) % PARTITIONS;
}

/** Where the names of an app stand that belong to none of its channels. */
export function partitionOfApp(app: AppId): number {
  return partitionOf(connectionsKey(app));
}

let tags: readonly string[] | undefined;

/**
 * What stands between the braces of a partition's names. Redis Cluster places a name by the CRC16
 * of that part, and tags counted up from 0 would load masters unevenly (15 to 27 of 128 on six);
 * these hash to the middles of 256 equal stretches of slots, which any number of masters share out
 * to within one partition. Finding them takes some milliseconds, once.
 */
export function tagOf(partition: number): string {
  tags ??= findTags();
  const tag = tags[partition];
  if (tag === undefined) throw new Error(`there is no partition ${partition}`);
  return tag;
}

/** Counted up in base 36, the first candidate that hashes to a wanted slot is its tag: every process finds the same. */
function findTags(): readonly string[] {
  const partitionOfSlot = new Map<number, number>();
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    partitionOfSlot.set(Math.floor(((partition + 0.5) * SLOTS) / PARTITIONS), partition);
  const table = crcTable();
  const found: string[] = [];
  for (let count = 0; partitionOfSlot.size > 0; count += 1) {
    const tag = count.toString(36);
    const slot = crc16(table, tag) % SLOTS;
    const partition = partitionOfSlot.get(slot);
    if (partition === undefined) continue;
    partitionOfSlot.delete(slot);
    found[partition] = tag;
  }
  return found;
}

/** CRC-16/XMODEM, as Redis Cluster uses it; for ASCII. */
function crc16(table: Uint16Array, text: string): number {
  let crc = 0;
  for (let at = 0; at < text.length; at += 1)
    crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ text.charCodeAt(at)] ?? 0);
  return crc;
}

function crcTable(): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    return crc & 0xffff;
  });
}
