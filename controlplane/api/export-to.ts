import { isDnsLabel } from "./host-name.js";
import type { ObjectReader } from "./object-reader.js";

/** Reads `exportTo`: namespaces, or `.` (the resource's own), `*` (all) or `~` (none) alone. */
export function readExportTo(reader: ObjectReader, ownNamespace: string): readonly string[] {
  const namespaces = reader.strings("exportTo");
  const seen = new Set<string>();
  namespaces.forEach((item, index) => {
    const field = `exportTo[${index}]`;
    const report = (message: string): void => {
      reader.findings.fault(`${reader.path}.${field}`, message);
    };
    const namespace = item === "." ? ownNamespace : item;
    if (seen.has(namespace)) report(`\`${item}\` is there twice`);
    seen.add(namespace);
    if ((item === "*" || item === "~") && namespaces.length > 1)
      report(`\`${item}\` must be alone`);
    else if (![".", "*", "~"].includes(item) && !isDnsLabel(item))
      report(`\`${item}\` is not a namespace, \`.\`, \`*\` or \`~\``);
  });
  return namespaces;
}

/** Whether a resource of `ownNamespace` takes effect in, or can be referred to from, `namespace`. Empty: everywhere. */
export function isExportedTo(
  exportTo: readonly string[],
  ownNamespace: string,
  namespace: string,
): boolean {
  if (exportTo.length === 0 || exportTo.includes("*")) return true;
  return exportTo.some((item) => (item === "." ? ownNamespace : item) === namespace);
}
