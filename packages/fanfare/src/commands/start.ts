import { readSettings, type App, type Service, type Stop } from '@fanfare/core';
import type { z } from 'zod';
import { givenApps } from '../apps-from.ts';
import { readArguments } from '../arguments.ts';
import { welcome } from '../welcome.ts';
import { appOf, makeDevelopment, readDevelopment, writeDevelopment } from '../development.ts';
import { withPlayground } from '../playground.ts';
import { print } from '../print.ts';
import { openApi, openEdge, openWorker, type Listening, type RoleParts } from '../roles.ts';
import { runRole } from '../run-role.ts';
import { describeSettings, startSettings } from '../settings.ts';
import type { Command } from './command.ts';

type StartSettings = z.output<z.ZodObject<typeof startSettings>>;

export const startCommand: Command = {
  help: `Usage: fanfare start

Runs an edge and an api in one process. Without apps in the settings it makes a development
app, keeps it in .fanfare/development.json and prints it.

Settings (environment):
${describeSettings(startSettings)}`,
  async run(argv, environment) {
    readArguments(argv, {}, { min: 0, max: 0 });
    await start(readSettings(startSettings, environment));
  },
};

async function start(settings: StartSettings): Promise<void> {
  const directory = process.cwd();
  const configured = givenApps(settings);
  const development =
    configured === undefined ? (readDevelopment(directory) ?? makeDevelopment()) : undefined;
  const own = development === undefined ? [] : [appOf(development, settings)];
  const apps = configured ?? { from: 'settings' as const, apps: own };
  const [app] = apps.apps;
  if (app === undefined) throw new Error('there is no app to start with');
  await runRole({ name: 'start', opsPort: 9100, settings, apps }, async (parts) => {
    const both = await openBoth(settings, parts, development === undefined ? undefined : app);
    const api = `http://${reachable(settings.API_HOST)}:${both.api.port}`;
    if (development !== undefined) writeDevelopment(directory, { ...development, api });
    print(
      welcome({
        app,
        api,
        edge: {
          host: reachable(settings.EDGE_HOST),
          port: both.edge.port,
          pathPrefix: settings.EDGE_PATH_PREFIX,
          tls: settings.EDGE_TLS_CERT !== undefined,
        },
        playground: development === undefined ? undefined : `${api}/`,
        backend: parts.backend.name,
      }),
    );
    return both;
  });
}

interface Both extends Service {
  readonly edge: Listening;
  readonly api: Listening;
}

/** The API stops first: what it has taken is still delivered while the edge says goodbye; webhooks go last. */
async function openBoth(
  settings: StartSettings,
  parts: RoleParts,
  playgroundApp: App | undefined,
): Promise<Both> {
  const opened: Service[] = [];
  const closeAll = async (close: (service: Service) => Promise<void>): Promise<void> => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      await close(last);
    }
  };
  const dispose = async (): Promise<void> =>
    closeAll(async (service) => service[Symbol.asyncDispose]());
  try {
    opened.push(await openWorker(parts));
    const edge = await openEdge(settings, parts);
    opened.push(edge);
    const api = await openApi(settings, parts, (routes) =>
      playgroundApp === undefined
        ? routes
        : withPlayground(routes, {
            app: playgroundApp,
            edgePort: edge.port,
            pathPrefix: settings.EDGE_PATH_PREFIX,
            tls: settings.EDGE_TLS_CERT !== undefined,
            host: settings.API_HOST,
            apiPathPrefix: settings.API_PATH_PREFIX,
          }),
    );
    opened.push(api);
    const stop = async (how: Stop): Promise<void> => closeAll(async (service) => service.stop(how));
    return { edge, api, stop, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** An address to type where a listener's own says "all of them". */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
