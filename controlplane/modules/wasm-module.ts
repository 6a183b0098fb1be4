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

/** Proxy-wasm ABI 0.2.1, and a filter of connections: past any other, `echo` would send requests back to clients. */
const REQUIRED_EXPORTS: readonly string[] = [
  "proxy_abi_version_0_2_1",
  "proxy_on_downstream_data",
  "proxy_on_upstream_data",
];

/** Refuses what a proxy would refuse or could not use, so that a half-written or wrong file never reaches one. */
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
  const exported = new Set(WebAssembly.Module.exports(compiled).map((item) => item.name));
  const missing = REQUIRED_EXPORTS.find((required) => !exported.has(required));
  if (missing !== undefined) {
    return { kind: "refused", reason: `no module of a protocol: it does not export ${missing}` };
  }
  const digest = createHash("sha256").update(code).digest("hex");
  return { kind: "module", module: { name, digest, code, file } };
}
