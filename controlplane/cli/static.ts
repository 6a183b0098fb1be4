import { Command } from "commander";
import {
  bindOption,
  configOption,
  modulesOption,
  rootNamespaceOption,
  portNumber,
  tcpUserTimeoutOption,
  unreadTimeoutOption,
} from "./options.js";

interface StaticOptions {
  readonly config: string;
  readonly modules: string;
  readonly rootNamespace: string;
  readonly bind: string;
  readonly unreadTimeout: number;
  readonly tcpUserTimeout: number;
  readonly adminPort: number;
}

export function staticCommand(): Command {
  return new Command("static")
    .description(
      "print one Envoy configuration with everything in it, for use without a control plane",
    )
    .addOption(configOption())
    .addOption(modulesOption())
    .addOption(rootNamespaceOption())
    .addOption(bindOption())
    .addOption(unreadTimeoutOption())
    .addOption(tcpUserTimeoutOption())
    .option(
      "--admin-port <port>",
      "port of Envoy's admin interface on 127.0.0.1",
      portNumber,
      19_000,
    )
    .action(async (options: StaticOptions) => {
      const { config, modules, rootNamespace, bind, adminPort } = options;
      const { staticConfiguration } = await import("../server/directory-mesh.js");
      const result = await staticConfiguration({
        source: { config, modules, rootNamespace },
        bindAddress: bind,
        peerTimeouts: { unreadMs: options.unreadTimeout, tcpUserMs: options.tcpUserTimeout },
        admin: { host: "127.0.0.1", port: adminPort },
      });
      for (const line of result.faults) process.stderr.write(`error: ${line}\n`);
      for (const line of result.warnings) process.stderr.write(`warning: ${line}\n`);
      // Half a mesh is worse than none: nobody reloads a static file.
      if (result.faults.length > 0) process.exitCode = 1;
      else process.stdout.write(result.yaml);
    });
}
