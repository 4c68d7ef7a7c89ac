interface Asked {
  readonly host: string;
  /** Its endpoint answered well the last time. */
  readonly proven: boolean;
}

interface Waiter extends Asked {
  readonly go: () => void;
}

export interface SlotsMax {
  readonly all: number;
  readonly perHost: number;
}

/**
 * Bounds how many requests are out, in all and to one host; who waits is served in order, past those
 * that may not go yet. Endpoints that have not proved themselves share one half: many that hang
 * would otherwise take every slot for as long as a request may last.
 */
export class Slots {
  readonly #max: SlotsMax;
  readonly #perHost = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  #all = 0;
  #unproven = 0;

  constructor(max: SlotsMax) {
    this.#max = max;
  }

  /** Resolves when the slot is had, with what gives it back. */
  async take(asked: Asked): Promise<() => void> {
    if (this.#mayGo(asked)) this.#count(asked, 1);
    else await new Promise<void>((go) => this.#waiting.add({ ...asked, go }));
    return () => this.#free(asked);
  }

  #free(asked: Asked): void {
    this.#count(asked, -1);
    for (const waiter of this.#waiting) {
      if (this.#all >= this.#max.all) return;
      if (!this.#mayGo(waiter)) continue;
      this.#waiting.delete(waiter);
      this.#count(waiter, 1);
      waiter.go();
    }
  }

  #mayGo({ host, proven }: Asked): boolean {
    const { all, perHost } = this.#max;
    if (this.#all >= all || (this.#perHost.get(host) ?? 0) >= perHost) return false;
    return proven || this.#unproven < Math.max(1, Math.floor(all / 2));
  }

  #count({ host, proven }: Asked, change: 1 | -1): void {
    this.#all += change;
    if (!proven) this.#unproven += change;
    const ofHost = (this.#perHost.get(host) ?? 0) + change;
    if (ofHost === 0) this.#perHost.delete(host);
    else this.#perHost.set(host, ofHost);
  }
}
