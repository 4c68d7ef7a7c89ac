import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withSettingsTable } from '../packages/fanfare/src/settings-table.ts';

/** The code's own properties, in our words. What is asked of files is asked of those that git knows or would add. */
const root = fileURLToPath(new URL('../', import.meta.url));
const files = execFileSync(
  'git',
  // A clone that belongs to somebody else, as in many a container, is still the one to look at.
  ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((path) => path !== '' && existing(path));
const packages = readdirSync(join(root, 'packages'));

describe('tidy', () => {
  it('every rule of a SPEC.md has a test, and every tagged test has a rule', () => {
    const rules = matches(paths(/(^|\/)SPEC\.md$/), /^- \*\*([A-Z]{2}\d+)\*\* /gm);
    const tested = paths(/\.test\.ts$|\/contract\/.*\.ts$/);
    // A table of cases has the rule in its first column.
    const tags = [
      ...matches(tested, /\[([A-Z]{2}\d+)\]/g),
      ...matches(tested, /\[\s*'([A-Z]{2}\d+)',/g),
    ];
    assert.deepEqual(
      {
        'rules without a test': minus(rules, tags),
        'tests without a rule': minus(tags, rules),
        'rules that stand twice': rules.filter((rule, index) => rules.indexOf(rule) !== index),
      },
      { 'rules without a test': [], 'tests without a rule': [], 'rules that stand twice': [] },
    );
  });

  it('protocol imports nothing', () => {
    for (const path of paths(/^packages\/protocol\/src\//))
      assert.deepEqual(
        importsOf(path).filter((name) => !name.startsWith('.')),
        [],
        path,
      );
  });

  it("a package's project references are its dependencies, and its imports are declared", () => {
    for (const name of packages) {
      const manifest = readJson(`packages/${name}/package.json`) as Manifest;
      const { references = [] } = readJson(`packages/${name}/tsconfig.json`) as TsConfig;
      const dependencies = Object.keys(manifest.dependencies ?? {});
      const ours = dependencies.filter((each) => each.startsWith('@fanfare/'));
      assert.deepEqual(
        references.map(({ path }) => path.replace('../', '@fanfare/')).toSorted(),
        ours.toSorted(),
        `references of ${name}`,
      );
      for (const path of paths(new RegExp(`^packages/${name}/src/`)))
        for (const imported of importsOf(path).filter(isBare))
          assert.ok(dependencies.includes(packageOf(imported)), `${path} imports ${imported}`);
    }
  });

  it('a package is imported by its name, never by a path into it', () => {
    for (const path of paths(/^packages\/[^/]+\/src\//)) {
      const depth = path.split('/').length - 3;
      for (const imported of importsOf(path))
        assert.ok(imported.split('../').length - 1 < depth, `${path} imports ${imported}`);
    }
  });

  it('edge, api and webhooks never import each other, and nothing imports tests', () => {
    const services = new Set(['edge', 'api', 'webhooks']);
    for (const path of paths(/^packages\/[^/]+\/src\//)) {
      const [, own = ''] = path.split('/');
      for (const imported of importsOf(path)) {
        const other = imported.replace('@fanfare/', '');
        const crosses = services.has(own) && services.has(other) && own !== other;
        assert.ok(!crosses, `${path} imports ${imported}`);
        assert.doesNotMatch(imported, /(^|\/)test\//, path);
      }
    }
  });

  it('uWebSockets.js is known to the uws- files of the edge only', () => {
    for (const path of paths(/^packages\/[^/]+\/src\//)) {
      if (path.startsWith('packages/edge/src/uws-')) continue;
      assert.ok(!importsOf(path).includes('uWebSockets.js'), path);
    }
  });

  it('every Lua script says what each of its keys and arguments is, and is loaded', () => {
    const loaded = new Set(matches(paths(/^packages\/redis\/src\//), /readScript\('([a-z-]+)'\)/g));
    for (const path of paths(/^packages\/redis\/lua\/.*\.lua$/)) {
      const text = read(path);
      const end = text.indexOf(']]');
      const [header, body] = [text.slice(0, end), text.slice(end)];
      assert.match(header, /^--\[\[/, path);
      for (const [used] of body.matchAll(/(KEYS|ARGV)\[\d+\]/g))
        assert.ok(header.includes(used), `${path} does not say what ${used} is`);
      assert.match(header, /Returns /, path);
      const name = path.replace(/^.*\//, '').replace('.lua', '');
      assert.ok(loaded.has(name), `${path} is loaded nowhere`);
    }
  });

  it('no file names this machine, a package registry or unfinished work', () => {
    // Put together here, so that this file does not find itself.
    const machine = new RegExp(`(^|[^A-Za-z0-9_.])/(${['work', 'farm', 'root'].join('|')})/`);
    const registry = new RegExp(['registry\\.npm', 'registry\\.yarn', 'deb\\.debian'].join('|'));
    const unfinished = new RegExp(`\\b(${['TO', 'FIX', 'XX'].map(ended).join('|')})\\b`);
    for (const path of files.filter((each) => !/\.(png|ico|svg|lock)$/.test(each))) {
      const text = read(path);
      assert.doesNotMatch(text, machine, path);
      assert.doesNotMatch(text, registry, path);
      assert.doesNotMatch(text, unfinished, path);
    }
  });

  it('the settings table of deploy/README.md is that of the schemas', () => {
    const document = read('deploy/README.md');
    assert.equal(document, withSettingsTable(document));
  });

  it('every test file stands where npm test looks for it', () => {
    for (const path of paths(/\.test\.[cm]?[jt]sx?$/))
      assert.match(path, /^(test|packages\/[^/]+\/test)\/.*\.test\.ts$/);
  });

  it('no test is skipped or singled out', () => {
    for (const path of paths(/\.test\.ts$/))
      assert.doesNotMatch(
        read(path),
        /\b(it|test|describe)\.(skip|only|todo)\b|\bskip: *true/,
        path,
      );
  });
});

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface TsConfig {
  readonly references?: readonly { readonly path: string }[];
}

const ENDS: Readonly<Record<string, string>> = { TO: 'DO', FIX: 'ME', XX: 'X' };

function ended(start: string): string {
  return `${start}${ENDS[start] ?? ''}`;
}

function existing(path: string): boolean {
  try {
    read(path);
    return true;
  } catch {
    // Deleted, but not committed so yet.
    return false;
  }
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function readJson(path: string): unknown {
  return JSON.parse(read(path));
}

function paths(pattern: RegExp): readonly string[] {
  return files.filter((path) => pattern.test(path));
}

function matches(from: readonly string[], pattern: RegExp): readonly string[] {
  return from.flatMap((path) => [...read(path).matchAll(pattern)].map(([, found = '']) => found));
}

function minus(some: readonly string[], others: readonly string[]): readonly string[] {
  return [...new Set(some)].filter((each) => !others.includes(each)).toSorted();
}

/** What a file names behind `from`, `import` and `require`, in whatever form. */
function importsOf(path: string): readonly string[] {
  return matches([path], /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"\n]+)['"]/g);
}

function isBare(name: string): boolean {
  return !name.startsWith('.') && !name.startsWith('node:');
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
