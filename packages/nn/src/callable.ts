/**
 * A base class whose instances are functions with fields: `new Dense(8)(x)` calls `invoke([x])` of the instance. F is what
 * calling one looks like.
 */
export const callable = <F>(): (abstract new () => F) =>
  class {
    constructor() {
      const self = (...args: unknown[]): unknown => (self as unknown as { invoke(args: unknown[]): unknown }).invoke(args);
      // biome-ignore lint/correctness/noConstructorReturn: the function is the instance
      return Object.setPrototypeOf(self, new.target.prototype);
    }
  } as unknown as abstract new () => F;
