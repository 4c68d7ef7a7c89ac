/** A finished event frame whose data has this many bytes. */
export function benchFrame(bytes: number): string {
  return JSON.stringify({ event: 'tick', channel: 'bench', data: 'x'.repeat(bytes) });
}
