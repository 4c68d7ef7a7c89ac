export { createEdgeCounters, type EdgeCounters } from './counters.ts';
export { startEdge, type Edge, type EdgeOptions, type EdgeParts } from './edge.ts';
export { createEdgeEvents, type EdgeEvents } from './events.ts';
export { edgeSettings } from './settings.ts';
export type { Accept, ClientSocket, SocketHandler, SocketListener } from './socket.ts';
export { startUwsListener, type ListenerOptions } from './uws-listener.ts';
