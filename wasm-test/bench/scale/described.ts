// What a protocol costs by its description and by a codec with code: nanoseconds of a decoded request in the module,
// and CPU of an Envoy for each request.
import { readFileSync } from "node:fs";
import { CodecHarness } from "../../codecs/harness/codec-harness.js";
import { describedCodec } from "../../codecs/protocols/descriptions.js";
import { capturesOf } from "../../codecs/protocols/protocol-case.js";
import { Mesh } from "../../envoy/support/mesh.js";
import { freePort } from "../../envoy/support/ports.js";
import { BRPC, RpcServer } from "../../envoy/support/rpc-wire.js";
import { TcpConnection } from "../../envoy/support/tcp-connection.js";
import { cpuUs } from "../modules.js";
import { spreadOf, type Spread } from "../summary.js";

interface Subject {
  readonly protocol: string;
  /** What a route asks a request for, of a capture. */
  readonly attributes: readonly string[];
}

const CAPTURE = "req-hello";
const SUBJECTS: readonly Subject[] = [
  { protocol: "brpc", attributes: ["service", "method"] },
  { protocol: "trpc", attributes: ["callee", "func"] },
  { protocol: "bolt", attributes: ["service", "method"] },
];
const TURNS = 40;
const DECODES = 2000;

/** Of one request. */
export interface Cost<T> {
  readonly described: T;
  readonly code: T;
}

export interface DecodeCost extends Cost<number> {
  readonly protocol: string;
  /** Attributes that were asked for. */
  readonly attributes: readonly string[];
}

/** The best of many short turns of one and the other by turns, so that what disturbs one disturbs both. */
async function measureDecode({ protocol, attributes }: Subject): Promise<DecodeCost[]> {
  const bytes = capturesOf(protocol).get(CAPTURE);
  if (bytes === undefined) throw new Error(`no capture ${CAPTURE} of ${protocol}`);
  const codecs = {
    described: await describedCodec(protocol),
    code: await CodecHarness.load(`${protocol}-codec`),
  };
  return [[], attributes.slice(0, 1), attributes].map((names) => {
    const best = { described: Infinity, code: Infinity };
    for (let turn = 0; turn < TURNS; turn++) {
      for (const kind of ["described", "code"] as const) {
        best[kind] = Math.min(best[kind], codecs[kind].measureDecode(bytes, names, DECODES));
      }
    }
    return { protocol, attributes: names, ...best };
  });
}

const CONNECTIONS = 4;
const IN_FLIGHT = 8;
const METHOD = "Echo";
const DESCRIPTION = new URL("../../../docs/protocol-owners/frames/brpc.yaml", import.meta.url);

const lengthOf = (bytes: Buffer): number | undefined => BRPC.frameLength(bytes);

/** An Envoy with a route by service and method, in front of one server. */
class Proxy {
  private constructor(
    private readonly mesh: Mesh,
    private readonly server: RpcServer,
    private readonly connections: readonly TcpConnection[],
  ) {}

  static async start(files: Readonly<Record<string, string>>): Promise<Proxy> {
    const server = await RpcServer.start(BRPC, "one", "Silent");
    const match = { service: { exact: "demo.Service" }, method: { exact: METHOD } };
    const service = {
      protocol: "brpc" as const,
      port: await freePort(),
      endpoints: [{ port: server.port, version: "v1" }],
      routes: [{ match, to: { v1: 100 } }],
    };
    const mesh = await Mesh.start([service], { concurrency: 1, files });
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => TcpConnection.connect(service.port)),
    );
    return new Proxy(mesh, server, connections);
  }

  /** Microseconds of CPU for each of at least `count` requests. */
  async measure(count: number): Promise<number> {
    const before = cpuUs(this.mesh.envoy.pid);
    let begun = 0;
    let answered = 0;
    const worker = async (connection: TcpConnection): Promise<void> => {
      const send = (id: number): void => {
        connection.write(BRPC.writeRequest({ id, method: METHOD, metadata: {} }));
        begun++;
      };
      let waiting = IN_FLIGHT;
      for (let id = 1; id <= IN_FLIGHT; id++) send(id);
      while (waiting > 0) {
        const { id, code } = BRPC.readResponse(await connection.readFrame(lengthOf));
        if (code !== 0) throw new Error(`a request failed: ${String(code)}`);
        answered++;
        if (begun < count) send(id);
        else waiting--;
      }
    };
    await Promise.all(this.connections.map(worker));
    return (cpuUs(this.mesh.envoy.pid) - before) / answered;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await this.mesh.stop();
    await this.server.stop();
  }
}

const WARM_UP = 2000;
const REQUESTS = 4000;

/** Microseconds of Envoy's CPU for each request of bRPC, in rounds of one and the other by turns. */
async function measureProxies(rounds: number): Promise<DescribedReport["proxies"]> {
  const described = await Proxy.start({ "protocol.yaml": readFileSync(DESCRIPTION, "utf8") });
  const code = await Proxy.start({});
  const costs = { described: [] as number[], code: [] as number[] };
  try {
    for (const proxy of [described, code]) await proxy.measure(WARM_UP);
    for (let round = 0; round < rounds; round++) {
      costs.described.push(await described.measure(REQUESTS));
      costs.code.push(await code.measure(REQUESTS));
    }
  } finally {
    await described.stop();
    await code.stop();
  }
  return {
    described: spreadOf(costs.described),
    code: spreadOf(costs.code),
    ratio: spreadOf(costs.described.map((cost, round) => cost / (costs.code[round] ?? 0))),
  };
}

export interface DescribedReport {
  readonly decodes: readonly DecodeCost[];
  /** Rounds of both are divided one by one: what disturbs the machine disturbs both. */
  readonly proxies: Cost<Spread> & { readonly ratio: Spread };
}

export async function benchDescribed(rounds: number): Promise<DescribedReport> {
  const decodes: DecodeCost[] = [];
  for (const subject of SUBJECTS) decodes.push(...(await measureDecode(subject)));
  return { decodes, proxies: await measureProxies(rounds) };
}
