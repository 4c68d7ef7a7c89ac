import type { App } from '@fanfare/core';

export interface WelcomeFacts {
  readonly app: App;
  /** Address of the API: `http://127.0.0.1:3232`. */
  readonly api: string;
  readonly edge: {
    readonly host: string;
    readonly port: number;
    readonly pathPrefix: string;
    readonly tls: boolean;
  };
  readonly playground: string | undefined;
  readonly backend: 'memory' | 'redis';
}

/** What `fanfare start` tells the person who typed it: everything needed to send a first event. */
export function welcome({ app, api, edge, playground, backend }: WelcomeFacts): string {
  const [{ key, secret }] = app.keys;
  const { hostname, port } = new URL(api);
  const path = edge.pathPrefix === '' ? '' : `, wsPath: '${edge.pathPrefix}'`;
  const ports = edge.tls
    ? `wssPort: ${edge.port}, forceTLS: true, enabledTransports: ['wss']`
    : `wsPort: ${edge.port}, forceTLS: false, enabledTransports: ['ws']`;
  return `
  Fanfare is running (${backend === 'memory' ? 'in memory, one process' : 'joined to Redis'}).

    app id   ${app.id}
    key      ${key}
    secret   ${secret}
    edge     ${edge.tls ? 'wss' : 'ws'}://${edge.host}:${edge.port}${edge.pathPrefix}/app/${key}
    api      ${api}
${playground === undefined ? '' : `    try it   ${playground}\n`}
  In the browser (pusher-js):

    const pusher = new Pusher('${key}', {
      cluster: 'fanfare', wsHost: '${edge.host}', ${ports}${path},
    });
    pusher.subscribe('my-channel').bind('my-event', (data) => console.log(data));

  On your server (npm i pusher):

    const pusher = new Pusher({
      appId: '${app.id}', key: '${key}', secret: '${secret}',
      host: '${hostname}', port: '${port}', useTLS: false,
    });
    await pusher.trigger('my-channel', 'my-event', { hello: 'world' });

  Or from another terminal:

    npx fanfare trigger my-channel my-event '{"hello":"world"}'
`;
}
