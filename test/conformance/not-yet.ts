/**
 * Rules that Fanfare does not keep yet, because what they are about is not built. The suite has to
 * fail exactly these, so that one that is kept by now stands here no longer.
 */
export const NOT_YET: readonly string[] = [];

/** Settings of the app under test that switch features on, as `APPS_FILE` has them, and what `--with` calls those. */
export const APP_SETTINGS: Readonly<Record<string, unknown>> = { subscriptionCount: true };
export const FEATURES: readonly string[] = ['watchlist', 'subscription-count'];
