// `npm start`: set up, build, and run `fanfare start` in this very process, so that a signal to it
// reaches the server.
import { ensureBuild, ensureDependencies, SetupError } from './setup.mjs';

try {
  ensureDependencies();
  ensureBuild();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exit(1);
}
if (process.env.npm_lifecycle_event !== undefined) endWithParent();
const { main } = await import('../packages/fanfare/dist/main.js');
await main(['start', ...process.argv.slice(2)]);

/**
 * npm runs us from a shell, and a SIGTERM to npm ends npm and the shell only: the server would stay
 * behind with its ports.
 */
function endWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}
