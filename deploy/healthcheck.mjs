// Asks the process of this container how it is: `node deploy/healthcheck.mjs livez`, or `readyz`.
// Exits with 0 when the answer is yes, and prints what it heard, which `docker inspect` shows.

const { OPS_HOST = '', OPS_PORT = '' } = process.env;
const host = ['', '0.0.0.0', '::'].includes(OPS_HOST) ? '127.0.0.1' : OPS_HOST;
// A container runs one role, so the first of the roles' default ports that answers is the one.
const ports = OPS_PORT === '' ? ['9100', '9101', '9102'] : [OPS_PORT];

/** What the operations listener says, or undefined when nobody listens. */
async function ask(port, path) {
  try {
    const response = await fetch(`http://${host}:${port}/${path}`, {
      signal: AbortSignal.timeout(3000),
    });
    return { ok: response.ok, text: `${response.status} ${await response.text()}` };
  } catch {
    return undefined;
  }
}

const path = process.argv[2] ?? 'livez';
const answers = await Promise.all(ports.map(async (port) => ask(port, path)));
const answer = answers.find((given) => given !== undefined);
process.stdout.write(answer?.text ?? `nobody answers on ${host}:${ports.join(' or ')}\n`);
process.exitCode = answer?.ok === true ? 0 : 1;
