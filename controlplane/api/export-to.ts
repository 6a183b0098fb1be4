import { isDnsLabel } from "./host-name.js";
import { list, withDefault } from "./schema/composites.js";
import { checked, type Field } from "./schema/schema.js";
import { text } from "./schema/scalars.js";

/** Namespaces, or `.` (the resource's own), `*` (all) or `~` (none) alone. */
export const namespaceList = checked(list(text), (items, site) => {
  const seen = new Set<string>();
  items.forEach((item, index) => {
    const report = (message: string): void => {
      site.item(index).fault(message);
    };
    const namespace = item === "." ? site.findings.ownNamespace : item;
    if (seen.has(namespace)) report(`\`${item}\` is there twice`);
    seen.add(namespace);
    if ((item === "*" || item === "~") && items.length > 1) report(`\`${item}\` must be alone`);
    else if (![".", "*", "~"].includes(item) && !isDnsLabel(item))
      report(`\`${item}\` is not a namespace, \`.\`, \`*\` or \`~\``);
  });
});

/** @param doc what the namespaces are for. */
export function exportTo(doc: string): Field<readonly string[]> {
  return withDefault(namespaceList, [], doc, "all");
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
