import type { QueryParam } from '@fanfare/protocol';
import type { Fields } from './body.ts';
import { queryList, queryValue } from './query.ts';

/** The parameters of a request. Each may stand in the body or in the query; the body wins. */
export interface Parameters {
  /** As the body's JSON has it, else the query's text; undefined when it is nowhere. */
  value(name: string): unknown;
  /** The same for a parameter with several values, which in a query are an array of texts. */
  list(name: string): unknown;
}

export function requestParameters(body: Fields, query: readonly QueryParam[]): Parameters {
  return {
    value: (name) => (body[name] === undefined ? queryValue(query, name) : body[name]),
    list: (name) => (body[name] === undefined ? queryList(query, name) : body[name]),
  };
}

/** The parameters of one event of a batch, which has no query of its own. */
export function fieldParameters(fields: Fields): Parameters {
  return { value: (name) => fields[name], list: (name) => fields[name] };
}
