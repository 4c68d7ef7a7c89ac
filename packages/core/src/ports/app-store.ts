/** Where apps stand as operators wrote them, for every process of a cluster to read. */
export interface AppStore {
  /** Undefined while `known` is the version. */
  read(known: string | undefined): Promise<StoredApps | undefined>;
  /**
   * Makes all changes in one step and tells every process. Does nothing and resolves with false
   * when the version is another than `expected` by now: somebody else was faster.
   */
  change(expected: string | undefined, change: StoreChange): Promise<boolean>;
}

export interface StoredApps {
  /** Undefined: nothing was ever written, or all of it is lost. */
  readonly version: string | undefined;
  /** By id: JSON without the id. */
  readonly entries: AppEntries;
}

export type AppEntries = ReadonlyMap<string, string>;

export interface StoreChange {
  /** Never used before. */
  readonly version: string;
  /** Undefined removes the app. */
  readonly entries: ReadonlyMap<string, string | undefined>;
}
