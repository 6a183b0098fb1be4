// Options that several commands have in common.
import { join, relative } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import { parseDurationMs } from "../api/duration.js";
import { errorMessage } from "../runtime/error-message.js";
import { LOG_LEVELS } from "../runtime/logger.js";
import { type SocketAddress, parseSocketAddress } from "../server/socket-address.js";
import { packageRoot } from "./package-root.js";

export const DEFAULT_XDS_ADDRESS = "127.0.0.1:18000";
export const DEFAULT_ADMIN_ADDRESS = "127.0.0.1:18080";
export const DEFAULT_BIND_ADDRESS = "0.0.0.0";

export function address(text: string): SocketAddress {
  try {
    return parseSocketAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(`${errorMessage(error)}.`);
  }
}

/** @param isRequired what it must be given; commands that only connect have a default. */
export function addressOption(flags: string, description: string, fallback: string): Option {
  return new Option(flags, description)
    .argParser(address)
    .default(parseSocketAddress(fallback), fallback);
}

export function adminAddressOption(): Option {
  return addressOption(
    "--admin-address <host:port>",
    "admin interface of the control plane",
    DEFAULT_ADMIN_ADDRESS,
  );
}

export function monitoringAddressOption(): Option {
  return new Option(
    "--monitoring-address <host:port>",
    "where to serve health and metrics alone, for probes and Prometheus; default: nowhere",
  ).argParser(address);
}

export function configOption(): Option {
  return new Option("--config <dir>", "directory of resources, YAML or JSON").makeOptionMandatory();
}

export function bindOption(): Option {
  return new Option("--bind <ip>", "address of listeners whose service has none").default(
    DEFAULT_BIND_ADDRESS,
  );
}

/**
 * Long enough for the largest frame (16 MiB by default) at 4.5 Mbit/s, since it does not matter whether a peer reads
 * slowly or not at all.
 */
const DEFAULT_UNREAD_TIMEOUT = "30s";

export function unreadTimeoutOption(): Option {
  return new Option(
    "--unread-timeout <duration>",
    "close peers that leave over 1 MiB unread for so long; Envoy 1.38 and later; 0s: never",
  )
    .argParser(durationMs)
    .default(parseDurationMs(DEFAULT_UNREAD_TIMEOUT), DEFAULT_UNREAD_TIMEOUT);
}

export function formerVersionsOption(): Option {
  return new Option(
    "--former-versions <count>",
    "former code and settings of each protocol kept for connections that are with them",
  )
    .argParser(count)
    .default(8);
}

export function formerVersionsForOption(): Option {
  return new Option("--former-versions-for <duration>", "how long they are kept at most")
    .argParser(durationMs)
    .default(24 * 3_600_000, "24h");
}

export function logLevelOption(): Option {
  return new Option("--log-level <level>", "least important lines to log")
    .choices(LOG_LEVELS)
    .default("info");
}

export function tcpUserTimeoutOption(): Option {
  return new Option(
    "--tcp-user-timeout <duration>",
    "close clients to which nothing could be sent for so long; Linux only; 0s: never",
  )
    .argParser(durationMs)
    .default(0, "0s");
}

export function modulesOption(): Option {
  const builtIn = relative(process.cwd(), join(packageRoot(), "build"));
  return new Option("--modules <dir>", "directory of <module>.wasm").default(
    builtIn === "" ? "." : builtIn,
    "the modules of this package",
  );
}

export function rootNamespaceOption(): Option {
  return new Option(
    "--root-namespace <name>",
    "namespace whose rules and policies hold for all namespaces",
  ).default("istio-system");
}

export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("Not a port.");
  return port;
}

export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 1_000) {
    throw new InvalidArgumentError("Not a number from 0 to 1000.");
  }
  return value;
}

/** The longest that a timer can wait: 24 days. */
const MAX_DURATION_MS = 2 ** 31 - 1;

export function durationMs(text: string): number {
  const value = parseDurationMs(text);
  if (value === undefined || value > MAX_DURATION_MS) {
    throw new InvalidArgumentError("Not a duration such as `90m` or `24h`, of 24 days at most.");
  }
  return value;
}

/** Of an option that may come several times: `name=value` beside those of before. */
export function nameAndValue(
  text: string,
  before: Readonly<Record<string, string>>,
): Record<string, string> {
  const [, name, value = ""] = /^([^=\s]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Not `name=value`.");
  return { ...before, [name]: value };
}
