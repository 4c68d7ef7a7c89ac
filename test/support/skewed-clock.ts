/** An environment in which a process of Node takes it for so much later than it is. */
export function skewedClock(skewMs: number): Readonly<Record<string, string>> {
  const module = `const Real = Date;
    const now = Real.now;
    Real.now = () => now() + ${skewMs};
    globalThis.Date = new Proxy(Real, {
      construct: (of, args, self) => Reflect.construct(of, args.length > 0 ? args : [of.now()], self),
      apply: (of) => new of(of.now()).toString(),
    });`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}
