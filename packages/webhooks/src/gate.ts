import { Breaker, type Pass } from './breaker.ts';

/** Why a batch was not let through. `busy`: the endpoint began to fail, and others try it. */
export type Turned = 'stopped' | 'late' | 'busy';

export interface EnterOptions {
  /** The batch was not tried before. */
  readonly fresh: boolean;
  /** When to give up waiting as long as the endpoint fails. */
  readonly untilMs: number;
}

/** The longest delay that a timer of Node takes. */
const LONGEST_TIMER_MS = 2_147_483_647;

interface Waiter {
  readonly fresh: boolean;
  readonly untilMs: number;
  readonly done: (result: Pass | Turned) => void;
}

/** Where batches of one hook wait for the breaker. */
export class Gate {
  readonly #breaker: Breaker;
  readonly #waiting = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #failingSinceMs = 0;
  #lastFailure = '';

  constructor(maxWidth: number) {
    this.#breaker = new Breaker(maxWidth);
  }

  get failing(): boolean {
    return this.#breaker.failing;
  }

  get proven(): boolean {
    return this.#breaker.proven;
  }

  /** Since when the endpoint fails; meaningless while it does not. */
  get failingSinceMs(): number {
    return this.#failingSinceMs;
  }

  /** A batch that was not tried before waits to be the next that tries a failing endpoint. */
  get hasFresh(): boolean {
    return [...this.#waiting].some(({ fresh }) => fresh);
  }

  pauseMs(): number {
    return this.#breaker.pauseMs(Date.now());
  }

  async enter(options: EnterOptions): Promise<Pass | Turned> {
    if (this.#stopped) return 'stopped';
    return new Promise((done) => {
      this.#waiting.add({ ...options, done });
      this.#letIn();
    });
  }

  cancelled(): void {
    this.#breaker.cancelled();
    this.#letIn();
  }

  succeeded(): boolean {
    const recovered = this.#breaker.succeeded();
    this.#letIn();
    return recovered;
  }

  /** How the last attempt ended that failed. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  failed(pass: Pass, failure: string, delayMs: (failures: number) => number): boolean {
    this.#lastFailure = failure;
    const broke = this.#breaker.failed(pass, Date.now(), delayMs);
    if (broke) {
      this.#failingSinceMs = Date.now();
      // They would only hold their lanes; one of them is enough to try the endpoint.
      const [, ...others] = [...this.#waiting].filter(({ fresh }) => fresh);
      for (const waiter of others) this.#leave(waiter, 'busy');
    }
    this.#letIn();
    return broke;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiting) this.#leave(waiter, 'stopped');
  }

  #letIn(): void {
    clearTimeout(this.#timer);
    this.#turnAwayLate();
    for (;;) {
      const next = this.#next();
      if (next === undefined) return;
      const answer = this.#breaker.enter(Date.now());
      if (!('epoch' in answer)) {
        this.#wake(answer.waitMs);
        return;
      }
      this.#leave(next, answer);
    }
  }

  /**
   * To a failing endpoint a batch that was not tried yet goes first: the endpoint may be well, and
   * only the other batch be one that it can never take.
   */
  #next(): Waiter | undefined {
    const waiting = [...this.#waiting];
    return waiting.find(({ fresh }) => fresh === this.failing) ?? waiting[0];
  }

  #turnAwayLate(): void {
    if (!this.failing) return;
    const nowMs = Date.now();
    for (const waiter of this.#waiting) if (waiter.untilMs <= nowMs) this.#leave(waiter, 'late');
  }

  /** Without a delay, whatever comes back looks again. */
  #wake(waitMs: number | undefined): void {
    const lateMs = this.failing
      ? Math.min(...[...this.#waiting].map(({ untilMs }) => untilMs)) - Date.now()
      : Infinity;
    const delayMs = Math.min(waitMs ?? Infinity, lateMs);
    if (delayMs === Infinity) return;
    this.#timer = setTimeout(() => this.#letIn(), Math.min(delayMs, LONGEST_TIMER_MS));
  }

  #leave(waiter: Waiter, result: Pass | Turned): void {
    this.#waiting.delete(waiter);
    waiter.done(result);
  }
}
