// AssemblyScript: what a codec said of an input, kept to be compared with what it says later.

import { DecodeStatus } from "../../../assembly/codec/decode-status";
import { Message, MessageType, ResponseStatus } from "../../../assembly/codec/message";
import { mix } from "./target";
import { workLen } from "./mutator";

export class DecodedFields {
  status: DecodeStatus = DecodeStatus.Error;
  frameLength: u32 = 0;
  /** Bytes of the whole input. */
  shown: u32 = 0;
  private need: u32 = 0;
  private lengthKnown: bool = false;
  private type: MessageType = MessageType.Request;
  private response: ResponseStatus = ResponseStatus.Ok;
  private id: u64 = 0;
  private idKnown: bool = false;
  private dialect: u32 = 0;

  take(status: DecodeStatus, message: Message): void {
    this.status = status;
    this.shown = workLen;
    this.frameLength = message.frameLength;
    this.need = message.need;
    this.lengthKnown = message.lengthKnown;
    this.type = message.type;
    this.response = message.status;
    this.id = message.id;
    this.idKnown = message.idKnown;
    this.dialect = message.dialect;
  }

  digest(): u32 {
    let digest = mix(<u32>this.status, this.frameLength);
    if (this.status == DecodeStatus.WaitForData) digest = mix(digest, this.need);
    if (this.status != DecodeStatus.Done) return mix(digest, <u32>this.idKnown);
    digest = mix(mix(digest, <u32>this.type), <u32>this.response);
    return mix(mix(mix(digest, <u32>this.id), <u32>(this.id >> 32)), this.dialect);
  }

  equals(status: DecodeStatus, message: Message): bool {
    if (status != this.status) return false;
    if (status == DecodeStatus.WaitForData) {
      return message.need == this.need && message.lengthKnown == this.lengthKnown;
    }
    if (status == DecodeStatus.Error) return message.idKnown == this.idKnown;
    return message.frameLength == this.frameLength && this.isSameBut(message, this.id);
  }

  /** Whether a complete frame means the same, and has this id. */
  isSameBut(message: Message, id: u64): bool {
    return (
      message.type == this.type &&
      message.status == this.response &&
      message.id == id &&
      message.dialect == this.dialect
    );
  }
}
