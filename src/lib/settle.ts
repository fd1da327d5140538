/** The other end of a promise that somebody else settles. */
export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}
