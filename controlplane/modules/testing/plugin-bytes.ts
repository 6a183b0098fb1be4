/** A section: its id, its length and its content, which is short. */
function section(id: number, ...content: readonly number[]): number[] {
  return [id, content.length, ...content];
}

/** The smallest module with these exports: one function without a body, and a custom section to differ by. */
export function moduleBytes(
  exportNames: readonly string[],
  content: number,
): Uint8Array<ArrayBuffer> {
  const exports = exportNames.flatMap((name) => [name.length, ...Buffer.from(name), 0x00, 0x00]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, 0x01, 0x60, 0x00, 0x00), // type: () -> ()
    ...section(3, 0x01, 0x00), // one function of it
    ...section(7, exportNames.length, ...exports),
    ...section(10, 0x01, 0x02, 0x00, 0x0b), // its empty body
    ...section(0, 0x01, 0x78, content), // custom section "x"
  ]);
}

/** A protocol module as far as the control plane looks; not one that a proxy could run. */
export function pluginBytes(content: number): Uint8Array<ArrayBuffer> {
  return moduleBytes(
    ["proxy_abi_version_0_2_1", "proxy_on_downstream_data", "proxy_on_upstream_data"],
    content,
  );
}
