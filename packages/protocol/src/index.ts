export {
  appOfKey,
  broadcastChannel,
  carriesClientEvents,
  channelKey,
  channelOfKey,
  channelTraits,
  connectionsKey,
  fitsChannelName,
  isReservedChannel,
  isUserChannel,
  parseChannelName,
  userChannel,
  userOfChannel,
  type ChannelKey,
  type ChannelKind,
  type ChannelName,
  type ChannelTraits,
} from './channel.ts';
export { decodeClientFrame, type ClientFrame, type Decoded } from './client-frame.ts';
export { closeReasons, unknownAppKey, type CloseReason } from './close-code.ts';
export { parseConnectRequest, type ConnectRequest } from './connect.ts';
export { channelNameRule, eventNameRule, type Dialect } from './dialect.ts';
export { clientErrors, shown, type ClientError } from './errors.ts';
export { encodeEventData, isClientEvent, isEventName, isReservedEvent } from './event.ts';
export {
  makeSocketId,
  parseAppId,
  parseAppKey,
  parseSocketId,
  type AppId,
  type AppKey,
  type SocketId,
} from './ids.ts';
export { limits } from './limits.ts';
export {
  cacheMissFrame,
  connectionEstablishedFrame,
  errorFrame,
  eventFrame,
  memberAddedFrame,
  memberRemovedFrame,
  pongFrame,
  presenceSucceededFrame,
  signinSuccessFrame,
  subscriptionCountFrame,
  subscriptionErrorFrame,
  subscriptionSucceededFrame,
  watchlistEventsFrame,
  type PresenceMember,
  type SubscriptionErrorType,
} from './server-frame.ts';
export {
  channelStringToSign,
  parseAuth,
  requestStringToSign,
  userStringToSign,
  type Auth,
  type QueryParam,
} from './signing.ts';
