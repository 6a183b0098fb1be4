import { Command } from "commander";

export function regexCommand(): Command {
  return new Command("regex")
    .description("compile a pattern (RE2, full match) for a route that is written by hand")
    .argument("<pattern>")
    .action(async (pattern: string) => {
      const { compileRegex } = await import("../regex/compile-regex.js");
      const { yamlDocument } = await import("../server/yaml-document.js");
      const compiled = compileRegex(pattern);
      if ("error" in compiled) throw new Error(compiled.error);
      const { dfa, literalPrefix } = compiled;
      process.stdout.write(
        yamlDocument({
          regex: { pattern, dfa: Buffer.from(dfa).toString("base64"), literalPrefix },
        }),
      );
    });
}
