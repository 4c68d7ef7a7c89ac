import type { Case } from './case.ts';
import { Inapplicable, reasonOf, Unmet } from './expect.ts';
import { Api } from './http.ts';
import { Kit, type Target } from './kit.ts';
import type { WebhookInbox } from './webhook-inbox.ts';

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly rule: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** What was expected and what came, or why it was skipped; empty for what passed. */
  readonly detail: string;
  readonly ms: number;
}

export interface RunOptions {
  /** How many cases run at a time. */
  readonly concurrency: number;
  readonly webhooks?: WebhookInbox;
}

/** Beyond this a case that does not end is a failure. */
const CASE_MS = 20_000;

/** Runs cases against a server, a few at a time; the results stand in the order of the cases. */
export async function runCases(
  cases: readonly Case[],
  target: Target,
  { concurrency, webhooks }: RunOptions,
): Promise<readonly Result[]> {
  const api = new Api(target.api, target.credentials, target.patienceMs);
  const results: Result[] = [];
  // Those that take longest begin first, so that they do not stand alone at the end.
  const waiting = [...cases.entries()].toSorted(([, a], [, b]) => limitOf(b) - limitOf(a));
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, each] = next;
      results[index] = await runCase(each, target, api, webhooks);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, work));
  } finally {
    api.close();
  }
  return results;
}

function limitOf({ limitMs }: Case): number {
  return limitMs ?? CASE_MS;
}

async function runCase(
  each: Case,
  target: Target,
  api: Api,
  webhooks: WebhookInbox | undefined,
): Promise<Result> {
  const { rule, title, needs } = each;
  const started = performance.now();
  const result = (outcome: Outcome, detail: string): Result => ({
    rule,
    title,
    outcome,
    detail,
    ms: Math.round(performance.now() - started),
  });
  if (needs !== undefined && !target.features.has(needs))
    return result('skipped', `needs ${needs}`);
  await using kit = new Kit(target, api, webhooks);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const ms = limitOf(each);
    timer = setTimeout(() => reject(new Unmet(`expected an end within ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([each.run(kit), late]);
    return result('passed', '');
  } catch (error) {
    if (error instanceof Inapplicable) return result('skipped', error.message);
    return result('failed', failureOf(error));
  } finally {
    clearTimeout(timer);
  }
}

/** Also what the network or the case itself threw: the server did not do what it had to. */
function failureOf(error: unknown): string {
  return error instanceof Unmet ? error.message : `expected an answer, got ${reasonOf(error)}`;
}
