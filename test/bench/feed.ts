import { createInterface } from 'node:readline';

/** One order to a feeding process, a line of its stdin: events at once, events a second, seconds, bytes of data. */
export interface Order {
  readonly burst: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly bytes: number;
}

export function writeOrder({ burst, perSecond, seconds, bytes }: Order): string {
  return `${burst} ${perSecond} ${seconds} ${bytes}\n`;
}

/** How many times an order publishes, each time a burst. */
export function turnsOf({ burst, perSecond, seconds }: Order): number {
  return Math.round((perSecond / burst) * seconds);
}

/** Carries out the orders that come on stdin, and says `done` after each. */
export function feedOnOrder(publish: (frame: string, burst: number) => void): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [burst = 1, perSecond = 1, seconds = 1, bytes = 100] = line.split(' ').map(Number);
    const frame = benchFrame(bytes);
    let left = turnsOf({ burst, perSecond, seconds, bytes });
    const timer = setInterval(
      () => {
        publish(frame, burst);
        left -= 1;
        if (left > 0) return;
        clearInterval(timer);
        process.stdout.write('done\n');
      },
      (1000 * burst) / perSecond,
    );
  });
}

/** A finished event frame whose data has this many bytes. */
function benchFrame(bytes: number): string {
  return JSON.stringify({ event: 'tick', channel: 'bench', data: 'x'.repeat(bytes) });
}
