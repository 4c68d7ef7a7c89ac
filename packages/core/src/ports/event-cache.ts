import type { ChannelKey } from '@fanfare/protocol';
import type { Place } from '../envelope.ts';

/** The last event of a cache channel, for those who subscribe later. The bus keeps it in the step that publishes it. */
export interface EventCache {
  /**
   * What the channel keeps now. `telling` is said by who wants to tell the app of a miss: of all who
   * find nothing, one in some seconds is told that it is the first, whatever processes they are in.
   */
  recall(channel: ChannelKey, telling: boolean): Promise<Recalled>;
}

export type Recalled =
  | { readonly event: CachedEvent }
  | { readonly event: undefined; readonly isFirst: boolean };

export interface CachedEvent {
  /** The finished frame, as subscribers got it. */
  readonly frame: string;
  readonly place: Place;
  /** How long it will be kept unless another takes its place. */
  readonly leftMs: number;
}
