import { readApps, readSettings, type App, type Service } from '@fanfare/core';
import type { z } from 'zod';
import { readArguments } from '../arguments.ts';
import { welcome } from '../welcome.ts';
import { appOf, makeDevelopment, readDevelopment, writeDevelopment } from '../development.ts';
import { withPlayground } from '../playground.ts';
import { print } from '../print.ts';
import { openApi, openEdge, type Listening, type RoleParts } from '../roles.ts';
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
  const configured = readApps(settings);
  const development =
    configured === undefined ? (readDevelopment(directory) ?? makeDevelopment()) : undefined;
  const apps = configured ?? (development === undefined ? [] : [appOf(development)]);
  const app = apps[0];
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

/** The API stops first: what it has taken is still delivered while the edge says goodbye. */
async function openBoth(
  settings: StartSettings,
  parts: RoleParts,
  playgroundApp: App | undefined,
): Promise<Both> {
  const edge = await openEdge(settings, parts);
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
  ).catch(async (error: unknown) => {
    await edge[Symbol.asyncDispose]();
    throw error;
  });
  return {
    edge,
    api,
    async stop(how) {
      await api.stop(how);
      await edge.stop(how);
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await edge[Symbol.asyncDispose]();
    },
  };
}

/** An address to type where a listener's own says "all of them". */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
