// The project of a filter: templates/filter, with recorded frames of the protocol from templates/codecs.
import { join } from "node:path";
import type { PackageSources } from "./package-sources.js";
import { className, metricName } from "./project-name.js";
import { writeProject } from "./project.js";

interface CodecFacts {
  readonly className: string;
  /** One that the recorded request has, and its value. */
  readonly attribute: string;
  readonly recorded: string;
  /** What tells an error reply, as an expression; default: it holds the proxy's text. */
  readonly refusal?: string;
}

/** Of the codecs that projects can begin with: what the template says of their protocols. */
const CODECS = {
  dubbo: { className: "Dubbo", attribute: "method", recorded: "sayHello" },
  thrift: { className: "Thrift", attribute: "method", recorded: "hello" },
  awesomerpc: {
    className: "AwesomeRpc",
    attribute: "cmd",
    recorded: "7",
    refusal: "answer.readInt16BE(11) !== 0",
  },
  bolt: { className: "Bolt", attribute: "method", recorded: "hello" },
  brpc: { className: "Brpc", attribute: "method", recorded: "Echo" },
  frame: { className: "Frame", attribute: "method", recorded: "count" },
  redis: { className: "Redis", attribute: "command", recorded: "GET" },
  tars: { className: "Tars", attribute: "func", recorded: "hello" },
  trpc: { className: "Trpc", attribute: "method", recorded: "SayHello" },
  zookeeper: { className: "Zookeeper", attribute: "opcode", recorded: "exists" },
} as const satisfies Readonly<Record<string, CodecFacts>>;

export type ProjectCodec = keyof typeof CODECS;

export const PROJECT_CODECS = Object.keys(CODECS) as readonly ProjectCodec[];

export interface FilterProjectOptions {
  /** For which `projectNameFault` finds nothing. */
  readonly name: string;
  readonly codec: ProjectCodec;
  /** Must not exist. */
  readonly folder: string;
  /** Where the templates of all kinds of projects are. */
  readonly templates: string;
  readonly packages: PackageSources;
}

/** @returns paths of the files, sorted. */
export function writeFilterProject(options: FilterProjectOptions): Promise<string[]> {
  const { name, codec, folder, templates, packages } = options;
  const facts: CodecFacts = CODECS[codec];
  return writeProject({
    templates: [join(templates, "filter"), join(templates, "codecs", codec)],
    values: {
      name,
      Name: className(name),
      metric: metricName(name),
      codec,
      Codec: facts.className,
      attribute: facts.attribute,
      recorded: facts.recorded,
      refusal: facts.refusal ?? `answer.includes("metaproto: refused by ${name}")`,
      ...packages,
    },
    folder,
  });
}
