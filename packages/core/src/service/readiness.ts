/** Why a process cannot be given work now; empty when it can. */
export interface Readiness {
  /** `unready` returns a short reason, or undefined while all is well. It is asked at every probe. */
  add(unready: () => string | undefined): void;
  /** The same for what is wrong without being a reason: the process is of use all the same. */
  warn(wrong: () => string | undefined): void;
  reasons(): readonly string[];
  warnings(): readonly string[];
}

export function createReadiness(): Readiness {
  const checks: (() => string | undefined)[] = [];
  const concerns: (() => string | undefined)[] = [];
  return {
    add(unready) {
      checks.push(unready);
    },
    warn(wrong) {
      concerns.push(wrong);
    },
    reasons: () => answers(checks),
    warnings: () => answers(concerns),
  };
}

function answers(checks: readonly (() => string | undefined)[]): readonly string[] {
  return checks.map((check) => check()).filter((answer) => answer !== undefined);
}

/**
 * Says `reason` once `isUp` has been false for `graceMs`: a short blip is not worth taking every
 * process of a cluster out of its load balancer at once.
 */
export function unreadyAfter(
  isUp: () => boolean,
  reason: string,
  graceMs: number,
  nowMs: () => number = Date.now,
): { readonly check: () => string | undefined; readonly changed: () => void } {
  let downSinceMs: number | undefined = isUp() ? undefined : nowMs();
  return {
    changed() {
      downSinceMs = isUp() ? undefined : (downSinceMs ?? nowMs());
    },
    check: () =>
      downSinceMs !== undefined && nowMs() - downSinceMs >= graceMs ? reason : undefined,
  };
}
