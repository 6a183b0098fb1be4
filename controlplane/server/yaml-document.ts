import { stringify } from "yaml";

/**
 * YAML that every reader understands alike. Envoy's parser follows YAML 1.1, where a bare `n` is false; what would be
 * anything but a string there is quoted.
 * @param comment lines to put first, without `#`.
 */
export function yamlDocument(value: unknown, comment: readonly string[] = []): string {
  const head = comment.map((line) => `# ${line}\n`).join("");
  const body = stringify(value, { schema: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
  return head + body;
}
