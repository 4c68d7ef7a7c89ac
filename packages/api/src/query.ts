import type { QueryParam } from '@fanfare/protocol';

/** How the text of a value in a query is read. */
export type ReadValue = (text: string) => string;

const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g;
const ARRAY_SUFFIX = /\[\d*\]$/;

/** `%2C` is a comma, `+` is a plus. Never throws: what is no escape stays as it is. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // A URIError: some escape is cut short or is no UTF-8. The rest is still worth reading.
    return text.replace(ESCAPES, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
    );
  }
}

/** As a form sends it, and Python: `+` is a space. */
export function formDecoded(text: string): string {
  return percentDecoded(text.replaceAll('+', ' '));
}

export function asSent(text: string): string {
  return text;
}

/** The parameters of a query in their order, names decoded and in lower case. */
export function parseQuery(query: string, read: ReadValue): readonly QueryParam[] {
  if (query === '') return [];
  const params: QueryParam[] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    const value = equals === -1 ? '' : part.slice(equals + 1);
    params.push([percentDecoded(name).toLowerCase(), read(value)]);
  }
  return params;
}

/** More than this many parameters no caller needs: a hundred channels, and what goes with them. */
export const QUERY_PARAMS_MAX = 250;

/**
 * A name that stands there twice and is no `name[]`, whose repetition is its purpose. Looks at
 * each for each: for the handful of most requests that costs less than a set.
 */
export function repeatedName(params: readonly QueryParam[]): string | undefined {
  for (const param of params) {
    const [name] = param;
    if (firstNamed(params, name) !== param && !name.endsWith('[]')) return name;
  }
  return undefined;
}

export function queryValue(params: readonly QueryParam[], wanted: string): string | undefined {
  return firstNamed(params, wanted)?.[1];
}

/** The values of `name`, `name[]` and `name[0]`, in their order; undefined without any. */
export function queryList(
  params: readonly QueryParam[],
  wanted: string,
): readonly string[] | undefined {
  const values = params
    .filter(([name]) => name.replace(ARRAY_SUFFIX, '') === wanted)
    .map(([, value]) => value);
  return values.length === 0 ? undefined : values;
}

export function hasArrays(params: readonly QueryParam[]): boolean {
  return params.some(([name]) => ARRAY_SUFFIX.test(name));
}

/** `c[]=a&c[]=b` as `c=a,b`: so PHP signs an array, whatever form its HTTP library then sends. */
export function joinArrays(params: readonly QueryParam[]): readonly QueryParam[] {
  const joined = new Map<string, string>();
  for (const [name, value] of params) {
    const base = name.replace(ARRAY_SUFFIX, '');
    const before = joined.get(base);
    joined.set(base, before === undefined ? value : `${before},${value}`);
  }
  return [...joined];
}

function firstNamed(params: readonly QueryParam[], wanted: string): QueryParam | undefined {
  for (const param of params) if (param[0] === wanted) return param;
  return undefined;
}
