// Upstream connections that are one client's alone: what either side sends of its own accord, and what
// becomes of one when the other ends.
// Allocates: chunks of output queues.
// Next: switchboard/telemetry/stats.ts
import { ErrorKind } from "../../codec/error-kind";
import { Message } from "../../codec/message";
import { queueDownstream, queueUpstream } from "../connection/flush-list";
import { postWork } from "../connection/posted-work";
import { stats } from "../telemetry/stats";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { Answers } from "./answers";
import { RequestSource } from "./request-source";

export class DedicatedConnections {
  constructor(private readonly answers: Answers) {}

  /** A client's frame that is no request, complete at `message`. */
  onClientPush(source: RequestSource, message: Message): void {
    if (source.dedicated == 0) {
      stats.downstreamPushDropped++;
      return;
    }
    const connection = changetype<UpstreamConnection>(source.dedicated);
    if (connection.output.append(message.frame, message.frameLength)) queueUpstream(connection);
    else connection.close(ErrorKind.Overload);
  }

  /** A server's frame that answers nothing, complete at `message`. */
  onServerPush(source: RequestSource, message: Message): void {
    // What the server has answered before goes out before, also where it waits for an answer of ours.
    if (source.isOrdered) this.answers.deliverAnswered(source);
    if (source.closeWhenFlushed) return;
    stats.upstreamPush++;
    if (source.output.append(message.frame, message.frameLength)) queueDownstream(source);
    else this.answers.giveUp(source);
  }

  /** The server is gone, and with it what the client had with it. */
  onLost(source: RequestSource): void {
    source.dedicated = 0;
    this.answers.forsake(source);
  }

  /** The client is gone; what it has sent still goes out. */
  onSourceClosed(source: RequestSource): void {
    if (source.dedicated == 0) return;
    const connection = changetype<UpstreamConnection>(source.dedicated);
    source.dedicated = 0;
    connection.dedicatedTo = 0;
    connection.drain();
    postWork();
  }
}
