import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const [name = '', ...rest] = process.argv.slice(2);
const file = `test/bench/${name}.ts`;
if (!/^[a-z-]+$/.test(name) || !existsSync(new URL(`../${file}`, import.meta.url))) {
  console.error(
    'Usage: npm run bench -- fan-out|audit|state|apps [options]   (see test/bench/README.md)',
  );
  process.exit(2);
}
const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', file, ...rest], {
  cwd: root,
  stdio: 'inherit',
});
child.once('exit', (code) => process.exit(code ?? 1));
