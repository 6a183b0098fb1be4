// A module's code, as it is handed to proxies.
import { createHash } from "node:crypto";

/** Bytes of a compiled protocol module. */
export interface WasmModule {
  /** File name without `.wasm`; what ApplicationProtocol resources call it. */
  readonly name: string;
  /** SHA-256 of `code`, hexadecimal. */
  readonly digest: string;
  readonly code: Uint8Array<ArrayBuffer>;
  /** Absolute path of the file. */
  readonly file: string;
}

/** A module, or why the bytes are none. */
export type WasmModuleResult =
  | { readonly kind: "module"; readonly module: WasmModule }
  | { readonly kind: "refused"; readonly reason: string };

/** Proxies take nothing else: proxy-wasm ABI 0.2.1. */
const ABI_EXPORT = "proxy_abi_version_0_2_1";

/** Refuses what a proxy would refuse, so that a half-written or wrong file never reaches one. */
export async function wasmModule(
  name: string,
  file: string,
  code: Uint8Array<ArrayBuffer>,
): Promise<WasmModuleResult> {
  let compiled: WebAssembly.Module;
  try {
    compiled = await WebAssembly.compile(code);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "refused", reason: `no valid WebAssembly: ${reason}` };
  }
  if (!WebAssembly.Module.exports(compiled).some((exported) => exported.name === ABI_EXPORT)) {
    return { kind: "refused", reason: `no proxy-wasm module: it does not export ${ABI_EXPORT}` };
  }
  const digest = createHash("sha256").update(code).digest("hex");
  return { kind: "module", module: { name, digest, code, file } };
}
