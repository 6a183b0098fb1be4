/** The smallest module with this export: one function without a body, and a custom section to differ by. */
export function moduleBytes(exportName: string, content: number): Uint8Array<ArrayBuffer> {
  const name = Buffer.from(exportName);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // type: () -> ()
    ...[0x03, 0x02, 0x01, 0x00], // one function of it
    ...[0x07, name.length + 4, 0x01, name.length, ...name, 0x00, 0x00], // exported
    ...[0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b], // its empty body
    ...[0x00, 0x03, 0x01, 0x78, content], // custom section "x"
  ]);
}

/** A proxy-wasm plugin as far as the control plane looks; not one that a proxy could run. */
export function pluginBytes(content: number): Uint8Array<ArrayBuffer> {
  return moduleBytes("proxy_abi_version_0_2_1", content);
}
