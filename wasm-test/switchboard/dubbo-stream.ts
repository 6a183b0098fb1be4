// Cuts a stream of bytes into Dubbo frames.
import {
  dubboFrameLength,
  parseDubboFrame,
  type DubboHeader,
} from "../envoy/support/dubbo-wire.js";
import { MessageReader } from "./message-reader.js";

export class DubboReader extends MessageReader<DubboHeader> {
  constructor() {
    super(dubboFrameLength, parseDubboFrame);
  }
}
