import { Failure } from '../failure.ts';
import type { Roster, Subject } from '../ports/state.ts';

/** A member that waits to be let into a presence channel. */
export interface WaitingJoin {
  readonly subject: Extract<Subject, { kind: 'member' }>;
  readonly info: string;
  readonly membersMax: number;
  readonly untilMs: number;
}

export type JoinOutcome =
  | { readonly full: true }
  | { readonly full: false; readonly roster: Roster };

interface Entry extends WaitingJoin {
  readonly resolve: (outcome: JoinOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait to be let in, in the order in which they came. */
export class JoinQueue {
  readonly #waiting: Entry[] = [];
  #closed = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get first(): WaitingJoin | undefined {
    return this.#waiting[0];
  }

  /** Rejects when nobody has answered by then. */
  async join(waiting: WaitingJoin): Promise<JoinOutcome> {
    if (this.#closed) throw closed();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...waiting, resolve, reject });
    });
  }

  /** The first one has its answer. */
  answer(outcome: JoinOutcome): void {
    this.#waiting.shift()?.resolve(outcome);
  }

  giveUp(nowMs: number): void {
    if (this.#waiting.every(({ untilMs }) => untilMs > nowMs)) return;
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.untilMs > nowMs) this.#waiting.push(waiting);
      else waiting.reject(new Failure('unavailable', 'the state store did not answer in time'));
    }
  }

  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed());
  }
}

function closed(): Failure {
  return new Failure('closed', 'the edge is stopping');
}
