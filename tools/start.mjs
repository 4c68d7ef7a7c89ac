// `npm start`: set up, build, and run `fanfare start` in this very process, so that a signal to it
// reaches the server.
import { ensureBuild, ensureDependencies } from './setup.mjs';

ensureDependencies();
ensureBuild();
const { main } = await import('../packages/fanfare/dist/main.js');
await main(['start', ...process.argv.slice(2)]);
