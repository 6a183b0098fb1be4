// The description in a file, with what is wrong told by line and field.
import { formatFault, type Fault, type FieldFault } from "../api/fault.js";
import { validateResource } from "../api/kinds.js";
import { parseFile } from "../stores/directory/parse-file.js";
import { type CompiledFrame, compileFrame } from "./compile.js";

/** @throws Error that names every fault, or says that there is no description. */
export function readDescription(file: string, text: string): CompiledFrame {
  const parsed = parseFile(text);
  if (!parsed.ok)
    throw new Error(
      parsed.faults.map(({ line, message }) => `${file}:${line}: ${message}`).join("\n"),
    );
  for (const { value, lines } of parsed.documents) {
    const tell = (faults: readonly FieldFault[]): Error =>
      new Error(faults.map((fault) => formatFault(located(fault, file, lines))).join("\n"));
    const validation = validateResource(value);
    if (validation.outcome === "unsupported") continue;
    if (validation.outcome === "invalid") throw tell(validation.faults);
    const { resource } = validation;
    if (resource.kind !== "ApplicationProtocol" || resource.spec.frame === undefined) continue;
    const compilation = compileFrame(resource.spec.frame, resource.spec.protocol);
    if (compilation.outcome === "compiled") return compilation.frame;
    throw tell(
      compilation.faults.map(({ path, message }) => ({ path: `spec.frame.${path}`, message })),
    );
  }
  throw new Error(`${file} has no ApplicationProtocol with a \`frame\``);
}

function located(
  { path, message }: FieldFault,
  file: string,
  lines: ReadonlyMap<string, number>,
): Fault {
  let place = path;
  // What is missing stands nowhere: the line is that of what it is missing from.
  while (place !== "" && !lines.has(place))
    place = place.replace(/(\.[\w-]+|\[[^\]]*\]|^\w+)$/, "");
  return { path, message, file, line: lines.get(place), resource: undefined };
}
