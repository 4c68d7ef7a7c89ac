#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
if (!existsSync(built)) {
  process.stderr.write(
    'fanfare is not built yet: run `npm start` once, or `npm ci && npm run build`\n',
  );
  process.exit(2);
}
const { main } = await import(built.href);
await main(process.argv.slice(2));
