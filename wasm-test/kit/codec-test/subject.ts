// The module that is tested, as often as it is wanted: compiled once, with a count of its steps put in.
import { instrument } from "../steps/instrument.js";
import { FUEL, Proxy, type ProxyOptions } from "./proxy.js";

/** How responses find their requests on upstream connections: docs/protocol-owners/contract.md. */
export type Mode = "shared" | "in order" | "exclusive" | "dedicated";

export interface SubjectOptions {
  /** The module, compiled. */
  readonly module: Uint8Array;
  /** `codec_configuration` of the plugin configuration: a FrameTable for the module `frame`. */
  readonly codecConfiguration?: Uint8Array | undefined;
}

export class Subject {
  /** False: its steps are not counted, because of an instruction that is not known here. */
  readonly isMeasured: boolean;
  readonly #module: WebAssembly.Module;
  readonly #codecConfiguration: string | undefined;

  /** @throws Error when the bytes are no module. */
  constructor({ module, codecConfiguration }: SubjectOptions) {
    const measured = withSteps(module);
    this.isMeasured = measured !== undefined;
    this.#module = measured ?? new WebAssembly.Module(module as BufferSource);
    this.#codecConfiguration =
      codecConfiguration && Buffer.from(codecConfiguration).toString("base64");
  }

  /** A proxy with nothing in it but the module. @throws Error with what the module says is wrong. */
  start(options: ProxyOptions = {}): Proxy {
    const codecConfiguration = this.#codecConfiguration;
    return new Proxy(
      this.#module,
      codecConfiguration === undefined
        ? options
        : { ...options, plugin: { codecConfiguration, ...options.plugin } },
    );
  }
}

function withSteps(bytes: Uint8Array): WebAssembly.Module | undefined {
  try {
    const { bytes: counted } = instrument(bytes, { fuelExport: FUEL });
    return new WebAssembly.Module(counted as BufferSource);
  } catch {
    return undefined;
  }
}
