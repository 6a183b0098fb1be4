/** One version of a module's code. */
export interface ModuleVersion {
  /** Such as `dubbo`. */
  readonly name: string;
  /** SHA-256 of `code`, hexadecimal. */
  readonly digest: string;
  /** `oci://<repository>@sha256:<digest of the manifest>`, where it is an image. */
  readonly image?: string;
  /** A WebAssembly module. */
  readonly code: Uint8Array;
}
