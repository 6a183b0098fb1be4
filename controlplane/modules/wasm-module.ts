// A module's code, as it is handed to proxies.
import { createHash } from "node:crypto";
import { type ModuleImport, refusedImports } from "./host-calls.js";

/** Bytes of a compiled protocol module. */
export interface WasmModule {
  /** File name without `.wasm`; what ApplicationProtocol resources call it. */
  readonly name: string;
  /** SHA-256 of `code`, hexadecimal. */
  readonly digest: string;
  readonly code: Uint8Array<ArrayBuffer>;
  /** Absolute path of the file, or the URL that it came from. */
  readonly file: string;
  /** `oci://<repository>@sha256:<digest of the manifest>`, of one that came as an image. */
  readonly image?: string;
}

/** A module, or why the bytes are none. */
export type WasmModuleResult =
  | { readonly kind: "module"; readonly module: WasmModule }
  | { readonly kind: "refused"; readonly reason: string };

/** What a module has to do with its proxy. */
export interface WasmInterface {
  /** Versions of the proxy-wasm ABI that it was made for, such as `0.2.1`. */
  readonly abi: readonly string[];
  readonly imports: readonly ModuleImport[];
  /** Why no proxy gets it; undefined: it is fine. */
  readonly fault: string | undefined;
}

const ABI_EXPORT = /^proxy_abi_version_(\d+)_(\d+)_(\d+)$/;

/** Proxy-wasm ABI 0.2.1, and a filter of connections: past any other, `echo` would send requests back to clients. */
const REQUIRED_EXPORTS: readonly string[] = [
  "proxy_abi_version_0_2_1",
  "proxy_on_downstream_data",
  "proxy_on_upstream_data",
];

/** Looks at what a module imports and exports. */
export async function wasmInterface(code: Uint8Array<ArrayBuffer>): Promise<WasmInterface> {
  let compiled: WebAssembly.Module;
  try {
    compiled = await WebAssembly.compile(code);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { abi: [], imports: [], fault: `no valid WebAssembly: ${reason}` };
  }
  const exported = WebAssembly.Module.exports(compiled).map(({ name }) => name);
  const imports = WebAssembly.Module.imports(compiled);
  const abi = exported.flatMap((name) => ABI_EXPORT.exec(name)?.slice(1).join(".") ?? []);
  return { abi, imports, fault: faultOf(new Set(exported), imports) };
}

function faultOf(
  exported: ReadonlySet<string>,
  imports: readonly ModuleImport[],
): string | undefined {
  const missing = REQUIRED_EXPORTS.find((required) => !exported.has(required));
  if (missing !== undefined) return `no module of a protocol: it does not export ${missing}`;
  const refused = refusedImports(imports);
  if (refused.length === 0) return undefined;
  return `it imports what modules may not call: ${refused.join(", ")}`;
}

/** Refuses what a proxy would refuse or could not use, so that a half-written or wrong file never reaches one. */
export async function wasmModule(
  name: string,
  file: string,
  code: Uint8Array<ArrayBuffer>,
): Promise<WasmModuleResult> {
  const { fault } = await wasmInterface(code);
  if (fault !== undefined) return { kind: "refused", reason: fault };
  const digest = createHash("sha256").update(code).digest("hex");
  return { kind: "module", module: { name, digest, code, file } };
}
