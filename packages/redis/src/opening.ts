import { Failure } from '@fanfare/core';

/** The wait for the first moment at which everything is up. Only the first outcome counts. */
export class Opening {
  #outcome: { readonly failure: Failure | undefined } | undefined;
  #onOutcome: (() => void) | undefined;

  settle(failure?: Failure): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { failure };
    this.#onOutcome?.();
  }

  /** Closes what was opened so far if it comes to nothing. */
  async wait(signal: AbortSignal | undefined, close: () => Promise<void>): Promise<void> {
    const abort = (): void => this.settle(new Failure('closed', 'stopped waiting for Redis'));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    if (this.#outcome === undefined) {
      await new Promise<void>((resolve) => {
        this.#onOutcome = resolve;
      });
    }
    signal?.removeEventListener('abort', abort);
    const failure = this.#outcome?.failure;
    if (failure === undefined) return;
    await close();
    throw failure;
  }
}
