import { asScript, readScript, type Script } from './script.ts';

export type StateScripts = Readonly<
  Record<
    | 'register'
    | 'heartbeat'
    | 'report'
    | 'join'
    | 'held'
    | 'leave'
    | 'tend'
    | 'append'
    | 'poll'
    | 'route'
    | 'finish'
    | 'return'
    | 'renew'
    | 'backlog'
    | 'deadLanes'
    | 'replay'
    | 'roster'
    | 'terminate'
    | 'take',
    Script
  >
>;

/** `edit` is for tests that break a script on purpose and want to see it noticed. */
export function readStateScripts(edit: (text: string) => string = (text) => text): StateScripts {
  const names = readScript('state-names');
  const decide = readScript('state-decide');
  const counts = readScript('state-counts');
  const letters = readScript('state-letters');
  const watch = readScript('state-watch');
  const upkeep = readScript('state-upkeep');
  const joined = (...parts: readonly Script[]): Script =>
    asScript(edit(parts.map(({ text }) => text).join('\n')));
  return {
    register: joined(names, readScript('state-register')),
    heartbeat: joined(names, watch, readScript('state-heartbeat')),
    report: joined(names, decide, counts, readScript('state-report')),
    join: joined(names, decide, counts, readScript('state-join')),
    held: joined(names, readScript('state-held')),
    leave: joined(names, decide, counts, readScript('state-leave')),
    tend: joined(names, decide, counts, watch, upkeep, readScript('state-tend')),
    append: joined(names, decide, readScript('state-append')),
    poll: joined(names, decide, counts, watch, upkeep, readScript('state-poll')),
    route: joined(names, letters, readScript('state-route')),
    finish: joined(names, letters, readScript('state-finish')),
    return: joined(names, readScript('state-return')),
    renew: joined(names, readScript('state-renew')),
    backlog: joined(names, readScript('state-backlog')),
    deadLanes: joined(names, readScript('state-dead-lanes')),
    replay: joined(names, readScript('state-replay')),
    roster: joined(names, readScript('state-roster')),
    terminate: joined(names, readScript('state-terminate')),
    take: joined(names, readScript('limits-take')),
  };
}
