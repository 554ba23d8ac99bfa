/** Text to numbers of tokens and back. */
export interface Tokenizer {
  readonly size: number;
  encode(text: string, options?: { readonly special?: boolean }): number[];
  decode(ids: Iterable<number>): string;
  /** The bytes that a token stands for. */
  bytes(id: number): Uint8Array;
  /** A token as it is shown. */
  token(id: number): string;
  readonly special: ReadonlyMap<string, number>;
  toJSON(): unknown;
}
