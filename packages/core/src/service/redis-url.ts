/** Where something listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a `REDIS_URL` says. */
export interface RedisUrl {
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly at: RedisPlace;
}

/** One server, or the sentinels that know which server it is at the moment. */
export type RedisPlace =
  | { readonly kind: 'server'; readonly address: RedisAddress }
  | ({ readonly kind: 'sentinels' } & RedisSentinels);

export interface RedisSentinels {
  readonly sentinels: readonly RedisAddress[];
  /** The name under which they watch over it. */
  readonly master: string;
  /** Theirs, which are not those of Redis. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

const ANY_FORM =
  'expected redis://host:port or redis+sentinel://host:port,host:port/master, rediss for TLS, with user:password@ before the hosts and /database at the end where they are needed';
const NO_MASTER =
  'expected the name of the master behind the sentinels: redis+sentinel://host:port,host:port/master';
const PARAMETERS =
  'expected no other parameters than sentinelUser, sentinelPassword and sentinelTls=no, each once and the last with rediss+sentinel alone';

/**
 * The URL, or the sentence that says what was expected instead: it goes on after the name of the
 * setting, and holds nothing of the URL, in which there may be a password.
 */
export function decodeRedisUrl(text: string): RedisUrl | string {
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z+]+):\/\/([^/?#]*)(.*)$/i.exec(text) ?? [];
  const [, secure, kind] = /^redis(s?)(\+sentinel)?$/i.exec(scheme) ?? [];
  // The last one: an @ of a password need not be escaped.
  const hostsFrom = authority.lastIndexOf('@') + 1;
  const hosts = authority.slice(hostsFrom).split(',').map(decodeHost);
  // With one host in place of several it is a URL like any other.
  const single = `redis://${authority.slice(0, hostsFrom)}host${rest}`;
  if (secure === undefined || hosts.length === 0 || !URL.canParse(single)) return ANY_FORM;
  const url = new URL(single);
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === undefined || password === undefined || url.hash !== '') return ANY_FORM;
  const access = {
    tls: secure !== '',
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
  };
  const place =
    kind === undefined ? decodeServer(url, hosts) : decodeSentinels(url, hosts, access.tls);
  return typeof place === 'string' ? place : { ...access, ...place };
}

type Place = Pick<RedisUrl, 'database' | 'at'>;
type Hosts = readonly (Partial<RedisAddress> | undefined)[];

function decodeServer({ pathname, search }: URL, [host, ...more]: Hosts): Place | string {
  const database = /^\/?(\d*)$/.exec(pathname)?.[1];
  if (host?.host === undefined || more.length > 0 || database === undefined || search !== '')
    return ANY_FORM;
  return {
    database: Number(database),
    at: { kind: 'server', address: { host: host.host, port: host.port ?? 6379 } },
  };
}

function decodeSentinels(
  { pathname, searchParams }: URL,
  hosts: Hosts,
  tls: boolean,
): Place | string {
  const sentinels: RedisAddress[] = [];
  for (const host of hosts) {
    if (host?.host === undefined) return ANY_FORM;
    sentinels.push({ host: host.host, port: host.port ?? 26_379 });
  }
  // The characters of which Sentinel lets such a name be made.
  const [, master, database] = /^\/([\w.-]+)(?:\/(\d+))?$/.exec(pathname) ?? [];
  if (master === undefined) return pathname.length > 1 ? ANY_FORM : NO_MASTER;
  const parameters = new Map(searchParams);
  const [username, password] = [parameters.get('sentinelUser'), parameters.get('sentinelPassword')];
  const without = parameters.get('sentinelTls');
  const known = [username, password, without].filter((value) => value !== undefined).length;
  const wrongTls = without !== undefined && (without !== 'no' || !tls);
  if (known !== searchParams.size || wrongTls) return PARAMETERS;
  return {
    database: Number(database ?? 0),
    at: {
      kind: 'sentinels',
      sentinels,
      master,
      username,
      password,
      tls: tls && without === undefined,
    },
  };
}

/** Without a port where none is given. */
function decodeHost(text: string): Partial<RedisAddress> | undefined {
  const url = `redis://${text}`;
  if (!URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  if (hostname === '') return undefined;
  const host = hostname.replaceAll(/[[\]]/g, '');
  return port === '' ? { host } : { host, port: Number(port) };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
