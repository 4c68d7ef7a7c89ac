declare const brand: unique symbol;

/** A string that has been through its parser. The cast to it belongs in that parser and nowhere else. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
