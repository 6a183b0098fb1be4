import { Command } from "commander";

export function crdsCommand(): Command {
  return new Command("crds")
    .description("print the CustomResourceDefinitions of our kinds, for `kubectl apply -f -`")
    .action(async () => {
      const { customResourceDefinitions } = await import("../api/reference/custom-resources.js");
      const { stringify } = await import("yaml");
      const documents = customResourceDefinitions().map(({ document }) =>
        stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }),
      );
      process.stdout.write(documents.join("---\n"));
    });
}
