#!/usr/bin/env node
// The `metaproto` command. Each command loads what it needs when it runs: `--help` needs no gRPC.
import { Command } from "commander";
import { errorMessage } from "../runtime/error-message.js";
import { bootstrapCommand } from "./bootstrap.js";
import { buildCommand } from "./build.js";
import { codecCommand } from "./codec.js";
import { controllerCommand } from "./controller.js";
import { crdsCommand } from "./crds.js";
import { inspectCommand } from "./inspect.js";
import { newCommand } from "./new.js";
import { packageVersion } from "./package-root.js";
import { pullCommand } from "./pull.js";
import { pushCommand } from "./push.js";
import { regexCommand } from "./regex.js";
import { routesCommand } from "./routes.js";
import { serveCommand } from "./serve.js";
import { staticCommand } from "./static.js";
import { statusCommand } from "./status.js";
import { validateCommand } from "./validate.js";

// `metaproto ... | head` is no fault: there is nobody left to read the rest.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const program = new Command("metaproto")
  .description("Layer-7 traffic management for any protocol on stock Envoy")
  .version(packageVersion())
  .showHelpAfterError("(add --help for usage)");

for (const command of [
  serveCommand(),
  controllerCommand(),
  bootstrapCommand(),
  validateCommand(),
  statusCommand(),
  routesCommand(),
  staticCommand(),
  regexCommand(),
  codecCommand(),
  crdsCommand(),
  newCommand(),
  buildCommand(),
  pushCommand(),
  pullCommand(),
  inspectCommand(),
]) {
  program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`metaproto: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}
