import { isIPv6 } from 'node:net';

/** Connections from each address, where their number is limited. */
export class Addresses {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  admits(address: string): boolean {
    return (this.#open.get(address) ?? 0) < this.#max;
  }

  opened(address: string): void {
    this.#open.set(address, (this.#open.get(address) ?? 0) + 1);
  }

  closed(address: string): void {
    const left = (this.#open.get(address) ?? 0) - 1;
    if (left > 0) this.#open.set(address, left);
    else this.#open.delete(address);
  }
}

const MAPPED = /^(?:0{1,4}:){5}ffff:|^::ffff:/i;
/** No address is longer; whatever else a header says is cut to it. */
const ADDRESS_CHARS = 45;

/**
 * What counts as one address: of IPv6 the network of 64 bits, for that is what one customer of a
 * provider has at least; IPv4 in the clothes of IPv6 is IPv4.
 */
export function addressKey(text: string): string {
  const address = text.trim().slice(0, ADDRESS_CHARS).toLowerCase();
  if (!isIPv6(address)) return address;
  const mapped = address.replace(MAPPED, '');
  if (mapped !== address) return dotted(mapped);
  const [head = '', tail] = address.split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  const groups = [...first, ...zeros, ...last].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}

/** The last two groups of a mapped address, as IPv4 is written. */
function dotted(mapped: string): string {
  const groups = mapped.split(':').map((group) => Number.parseInt(group, 16));
  const [high, low] = groups;
  if (mapped.includes('.') || high === undefined || low === undefined) return mapped;
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The last address is the one that the nearest proxy has seen; those before it are claims. */
export function forwardedAddress(header: string): string {
  return addressKey(header.slice(header.lastIndexOf(',') + 1));
}
