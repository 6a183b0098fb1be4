// The conformance kit for codecs: the package `metaproto-test`, which is installed with this one.

export interface KitReport {
  readonly isPassed: boolean;
}

export interface KitOptions {
  /** The module, compiled. */
  readonly module: Uint8Array;
  /** Of the module `frame`: the table that a description becomes. */
  readonly codecConfiguration?: Uint8Array;
  /** What `readCaptures` has read. */
  readonly captures: object;
  readonly inputs: number;
  readonly seed: number;
  /** For the report's first line. */
  readonly names: { readonly module: string; readonly captures: string };
}

/** What is used of it here; its own types say more, and need a browser's. */
export interface CodecKit {
  readonly DEFAULT_INPUTS: number;
  readonly DEFAULT_SEED: number;
  /** @throws Error that names everything that is wrong. */
  readCaptures(folder: string): object;
  testCodec(options: KitOptions): KitReport;
  /** For people; without an end of line at its end. */
  formatReport(report: KitReport): string;
}

/** A text, and not a place in this repository, to the compiler. */
const KIT: string = "metaproto-test/codec-test";

export async function loadCodecKit(): Promise<CodecKit> {
  return (await import(KIT)) as CodecKit;
}
