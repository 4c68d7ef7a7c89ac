/** Mistakes of other servers that no case finds, because only their operator could provoke them. */
export const beyondReach: ReadonlyMap<number, string> = new Map([
  [8, 'members of a node that crashed: a node would have to be killed'],
  [43, 'a client that does not read: how much a server keeps for it is its own affair'],
  [44, 'a restart that all clients answer at once: the server would have to be restarted'],
]);
