import { join } from "node:path";
import { Command, Option } from "commander";
import { codecTestCommand } from "./codec-test.js";
import { packageRoot } from "./package-root.js";

interface TryOptions {
  readonly from?: "client" | "server";
}

export function codecCommand(): Command {
  return new Command("codec")
    .description("protocols of your own")
    .addCommand(tryCommand())
    .addCommand(codecTestCommand())
    .addCommand(tableCommand());
}

function tableCommand(): Command {
  return new Command("table")
    .description(
      "print what a description is compiled to: `codecConfiguration` of the module frame",
    )
    .argument("<description>", "an ApplicationProtocol with a `frame`, in YAML or JSON")
    .action(async (description: string) => {
      const { readFile } = await import("node:fs/promises");
      const { readDescription } = await import("../frame/read-description.js");
      const { table } = readDescription(description, await readFile(description, "utf8"));
      process.stdout.write(`${Buffer.from(table).toString("base64")}\n`);
    });
}

function tryCommand(): Command {
  return new Command("try")
    .description("show what a description of a protocol makes of a capture, frame by frame")
    .argument("<description>", "an ApplicationProtocol with a `frame`, in YAML or JSON")
    .argument("<capture>", "what peers have sent: hexadecimal digits, raw bytes, or a pcap file")
    .addOption(
      new Option(
        "--from <side>",
        "who has sent it; default: the client, if its first bytes can be",
      ).choices(["client", "server"]),
    )
    .action(async (description: string, capture: string, { from }: TryOptions) => {
      const { readFile } = await import("node:fs/promises");
      const { readDescription } = await import("../frame/read-description.js");
      const { readCapture } = await import("../frame/capture.js");
      const { FrameReader } = await import("../frame/frame-reader.js");
      const { transcribe } = await import("../frame/transcript.js");
      const compiled = readDescription(description, await readFile(description, "utf8"));
      const streams = readCapture(await readFile(capture));
      const module = join(packageRoot(), "build/tools/frame-reader.wasm");
      const reader = await FrameReader.load(module, compiled.table);
      const isFromClient = from === undefined ? undefined : from === "client";
      let disagreements = 0;
      for (const stream of streams) {
        const { lines, disagreement } = transcribe(stream, compiled, reader, isFromClient);
        const title = stream.name === "" ? [] : [stream.name];
        process.stdout.write(`${[...title, ...lines].join("\n")}\n`);
        if (disagreement !== undefined) disagreements++;
      }
      if (disagreements > 0) process.exitCode = 1;
    });
}
