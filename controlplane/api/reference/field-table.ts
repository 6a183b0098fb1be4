// Tables of fields for the documentation, in Markdown.
import { IGNORED } from "../schema/composites.js";
import type { FieldShape, ObjectShape, Shape } from "../schema/schema.js";

const HEADER = ["Field", "Default", "Means"];

/** A `|` within a cell is escaped. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [header, header.map(() => "---"), ...rows.map((row) => row.map(escaped))];
  return all.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Objects with a title that occur in `shape`, each once, outermost first. */
export function titledObjects(shape: Shape): readonly (ObjectShape & { readonly title: string })[] {
  const found = new Map<string, ObjectShape & { readonly title: string }>();
  const visit = (part: Shape): void => {
    if (part.kind === "list") visit(part.items);
    if (part.kind === "map") visit(part.values);
    if (part.kind !== "object") return;
    const { title } = part;
    if (title !== undefined && title !== "" && !found.has(title))
      found.set(title, { ...part, title });
    for (const field of Object.values(part.fields)) visit(field.shape);
  };
  visit(shape);
  return [...found.values()];
}

/** A row for each field of an object, those of objects within it included unless they have a table of their own. */
export function fieldTable(shape: Shape): string {
  return markdownTable(HEADER, shape.kind === "object" ? objectRows(shape, "") : []);
}

function objectRows({ fields }: ObjectShape, prefix: string): string[][] {
  const entries = Object.entries(fields);
  const unused = entries
    .filter(([, field]) => field.doc === IGNORED)
    .map(([name]) => `\`${prefix}${name}\``);
  return [
    ...entries
      .filter(([, field]) => field.doc !== IGNORED)
      .flatMap(([name, field]) => fieldRows(`${prefix}${name}`, field)),
    ...(unused.length === 0 ? [] : [[unused.join(", "), "", IGNORED]]),
  ];
}

function fieldRows(path: string, { shape, doc, byDefault }: FieldShape): string[][] {
  const suffix = shape.kind === "list" && isObject(shape.items) ? "[]" : "";
  const own = doc === "" ? [] : [[`\`${path}${suffix}\``, byDefault, doc]];
  const inner = shape.kind === "list" ? shape.items : shape;
  if (!isObject(inner) || inner.title !== undefined) return own;
  return [...own, ...objectRows(inner, `${path}${suffix}.`)];
}

function isObject(shape: Shape): shape is ObjectShape {
  return shape.kind === "object";
}

/** It would end the cell. */
function escaped(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, String.raw`\|`);
}
