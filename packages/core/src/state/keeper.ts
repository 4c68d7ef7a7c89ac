import type { Outbox } from '../ports/outbox.ts';

/** How often each partition is tended. The lease and this together are how late a crash may show. */
const EVERY_MS = 2_000;
/** In how many groups, so that the store's work spreads over the interval. */
const GROUPS = 20;

/**
 * Tends every partition of the store, so that what a crashed edge held goes away also where no
 * webhook worker runs. Any number of processes may do it at the same time.
 */
export function startKeeper(
  store: Pick<Outbox, 'partitions' | 'tend'>,
  onFailure: (error: unknown) => void,
): AsyncDisposable {
  const groups = Math.min(GROUPS, store.partitions);
  const visiting = new Set<Promise<void>>();
  let group = 0;
  const visit = async (partition: number): Promise<void> => {
    try {
      await store.tend(partition);
    } catch (error) {
      onFailure(error);
    }
  };
  const timer = setInterval(() => {
    // A store that does not answer is not asked again before it has.
    if (visiting.size > 0) return;
    for (let each = group; each < store.partitions; each += groups) {
      const visited = visit(each).finally(() => visiting.delete(visited));
      visiting.add(visited);
    }
    group = (group + 1) % groups;
  }, EVERY_MS / groups);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await Promise.all(visiting);
    },
  };
}
