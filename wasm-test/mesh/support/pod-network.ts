// Pods without Kubernetes: network namespaces with an address each, in one subnet with this machine.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { PeerPlace } from "../../envoy/support/peer-process.js";
import { rigBinary } from "./rig-binaries.js";

const NAMESPACES = "/run/netns";
/** Of the sidecars' processes: what they send is not redirected to them. */
export const SIDECAR_GROUP = "1337";

/** Why there can be no pods here, or undefined. */
export function missingPodNetwork(): string | undefined {
  const name = `metaproto-${String(process.pid)}-probe`;
  try {
    ip("netns", "add", name);
    ip("netns", "delete", name);
    for (const command of ["nsenter", "setpriv", "unshare"])
      execFileSync(command, ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "network namespaces cannot be made here: that takes root, iproute2 and util-linux";
  }
}

export interface Pod {
  /** Its IP address. */
  readonly address: string;
  /** What runs a command in it. */
  readonly place: PeerPlace;
}

/** Call `stop` in the test's clean-up, always, after everything in the pods has ended. */
export class PodNetwork {
  private readonly pods: string[] = [];

  private constructor(
    private readonly subnet: string,
    private readonly bridge: string,
  ) {}

  static start(): PodNetwork {
    sweep();
    const bridge = `mp${String(process.pid)}br`;
    const subnet = freeSubnet();
    const network = new PodNetwork(subnet, bridge);
    ip("link", "add", bridge, "type", "bridge");
    ip("address", "add", `${network.hostAddress}/24`, "dev", bridge);
    ip("link", "set", bridge, "up");
    return network;
  }

  /** Of this machine, by which pods reach it. */
  get hostAddress(): string {
    return `${this.subnet}.1`;
  }

  /** @param isRedirected its connections go through a sidecar, in both directions. */
  pod(isRedirected: boolean): Pod {
    const index = this.pods.length + 2;
    const name = `metaproto-${String(process.pid)}-${String(index)}`;
    const device = `mp${String(process.pid)}v${String(index)}`;
    const address = `${this.subnet}.${String(index)}`;
    ip("netns", "add", name);
    this.pods.push(name);
    ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", device, "master", this.bridge, "up");
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "address", "add", `${address}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "eth0", "up");
    ip("-n", name, "route", "add", "default", "via", this.hostAddress);
    const place: PeerPlace = ["nsenter", `--net=${NAMESPACES}/${name}`];
    if (isRedirected) run(...place, rigBinary("redirect"), `--group=${SIDECAR_GROUP}`);
    return { address, place };
  }

  stop(): void {
    for (const name of this.pods) ip("netns", "delete", name);
    ip("link", "delete", this.bridge);
  }
}

function ip(...args: readonly string[]): void {
  run("ip", ...args);
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** The first three numbers of a /24 that this machine has no address in; 10.0.0.0/16 is of the Services. */
function freeSubnet(): string {
  const own = Object.values(networkInterfaces()).flat();
  for (let offset = 0; offset < 64; offset += 1) {
    const network = `10.${String(128 + ((process.pid + offset) % 64))}.`;
    if (!own.some((device) => device?.address.startsWith(network))) return `${network}7`;
  }
  throw new Error("no subnet is free");
}

/** What test runs have left that were killed. */
function sweep(): void {
  if (!existsSync(NAMESPACES)) return;
  for (const name of readdirSync(NAMESPACES)) {
    const pid = /^metaproto-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip("netns", "delete", name);
  }
  for (const name of Object.keys(networkInterfaces())) {
    const pid = /^mp(\d+)br$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip("link", "delete", name);
  }
}
