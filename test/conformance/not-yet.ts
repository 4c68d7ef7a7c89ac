/**
 * Rules that Fanfare does not keep yet, because what they are about is not built: users (signin,
 * events to users, terminating, watchlists). The suite has to fail exactly these, so that one that is
 * kept by now stands here no longer.
 */
export const NOT_YET: readonly string[] = [
  'C4.1-1',
  'C4.1-3',
  'C4.1-4',
  'C4.1-5',
  'C4.1-6',
  'C4.1-7',
  'C4.2-1',
  'C4.2-2',
  'C4.2-3',
  'C4.2-4',
  'C4.2-5',
  'C4.4-1',
  'C4.4-2',
  'C4.4-3',
  'C9.1-2',
  'C9.2-7',
];

/** Settings of the app under test that switch features on, as `APPS_FILE` has them, and what `--with` calls those. */
export const APP_SETTINGS: Readonly<Record<string, unknown>> = {};
export const FEATURES: readonly string[] = [];
