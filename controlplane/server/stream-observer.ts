import type { Logger } from "../runtime/logger.js";
import type { StreamNode } from "../xds/stream-node.js";
import type { XdsObserver } from "../xds/observer.js";
import type { Metrics } from "./metrics.js";
import { withoutSecretText } from "./secrets.js";

const streamName = ({ role, id }: StreamNode): string =>
  role === "proxy" ? `proxy ${id}` : `module of proxy ${id}`;

/** Writes what happens on ADS streams to the log and counts it. */
export function streamObserver(logger: Logger, metrics: Metrics): XdsObserver {
  return {
    onConnected(node, peer) {
      metrics.streams.inc({ role: node.role });
      const agent = node.agent === "" ? "" : ` (${node.agent})`;
      logger.info(`${streamName(node)}${agent} connected from ${peer}`);
    },
    onDisconnected(node, peer) {
      if (node === undefined) return;
      metrics.streams.dec({ role: node.role });
      logger.info(`${streamName(node)} disconnected from ${peer}`);
    },
    onResponse(node, type, resources) {
      metrics.responses.inc({ type: type.name });
      metrics.resourcesSent.inc({ type: type.name }, resources.length);
      logger.debug(`${streamName(node)}: sent ${resources.length} of ${type.name}`);
    },
    onAccepted(node, type, versionInfo) {
      metrics.accepted.inc({ type: type.name });
      logger.debug(`${streamName(node)}: accepted ${type.name} ${versionInfo}`);
    },
    onRefused(node, type, { message, resources }) {
      metrics.refused.inc({ type: type.name });
      const names = [...resources.keys()];
      const what = names.length === 1 ? (names[0] ?? "") : `${names.length} resources`;
      logger.warn(
        `${streamName(node)}: refused ${type.name} (${what}): ${withoutSecretText(message)}`,
      );
    },
    onDenied(node, type, name) {
      logger.warn(`${streamName(node)}: asks for ${type.name} ${name}, which it may not have`);
    },
    onUnknownType(node, typeUrl) {
      logger.debug(`${streamName(node)}: asks for ${typeUrl}, which is not served`);
    },
    onBadRequest(peer, reason) {
      metrics.badRequests.inc();
      logger.warn(`stream from ${peer} ended: ${reason}`);
    },
  };
}
