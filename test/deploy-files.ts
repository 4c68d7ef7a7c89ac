import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export function rootPath(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

export function rootFile(path: string): string {
  return readFileSync(rootPath(path), 'utf8');
}

/** What the tests look at in a service of docker-compose.yml. */
export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly deploy?: { readonly replicas: number };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ulimits?: { readonly nofile: { readonly soft: number; readonly hard: number } };
}

/** The services as Compose sees them when the environment sets nothing; `${NAME:-value}` is always text. */
export function composeServices(): Readonly<Record<string, ComposeService>> {
  const file: unknown = parse(rootFile('docker-compose.yml'), { merge: true });
  const text = JSON.stringify(file).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  return (JSON.parse(text) as { readonly services: Readonly<Record<string, ComposeService>> })
    .services;
}

export interface DockerInstruction {
  readonly name: string;
  readonly args: string;
}

/** The instructions of a Dockerfile, continued lines joined, one list for each stage. */
export function dockerStages(text: string): readonly (readonly DockerInstruction[])[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '');
  const stages: DockerInstruction[][] = [];
  for (const line of lines) {
    const [, name = '', args = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, args: args.replaceAll(/\s+/g, ' ') });
  }
  return stages;
}

/** Whether a path of the repository reaches the build, by Docker's rule: the last line that fits decides. */
export function reachesBuild(ignoreFile: string, path: string): boolean {
  const parts = path.split('/');
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  const lines = ignoreFile.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.reduce((reaches, line) => {
    const negated = line.startsWith('!');
    const pattern = globPattern(negated ? line.slice(1) : line);
    return paths.some((candidate) => pattern.test(candidate)) ? negated : reaches;
  }, true);
}

function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('**/', '\u0000')
    .replaceAll('*', '[^/]*')
    .replaceAll('\u0000', '(?:.*/)?');
  return new RegExp(`^${source}$`);
}

/** The inside of the first block of an nginx configuration that begins with `head`, comments taken out. */
export function nginxBlock(text: string, head: string): string {
  const bare = text.replaceAll(/^\s*#.*$/gm, '');
  const start = bare.indexOf(`${head} {`);
  if (start < 0) throw new Error(`there is no '${head} {'`);
  const open = bare.indexOf('{', start);
  let depth = 0;
  for (let at = open; at < bare.length; at += 1) {
    if (bare[at] === '{') depth += 1;
    if (bare[at] === '}') depth -= 1;
    if (depth === 0) return bare.slice(open + 1, at);
  }
  throw new Error(`'${head} {' is not closed`);
}

/** The arguments of a directive of a block, as one text. */
export function nginxDirective(block: string, name: string): string {
  const [, value] = new RegExp(`(?:^|[;{}\\s])${name}\\s+([^;]+);`).exec(block) ?? [];
  if (value === undefined) throw new Error(`there is no directive '${name}' in:\n${block}`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `45s` and `2m`, as both Compose and nginx write them. */
export function durationSeconds(text: string): number {
  const [, amount, unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (amount === undefined || factor === undefined) throw new Error(`not a duration: ${text}`);
  return Number(amount) * factor;
}
