// What a codec found at the head of the bytes it was shown.

export enum DecodeStatus {
  /** The frame is not complete: `Message.need` bytes, counted from the frame's start, are wanted. */
  WaitForData = 0,
  /** `Message` describes one complete frame of `Message.frameLength` bytes. */
  Done = 1,
  /** Not this protocol, or not what the peer may send. The connection is closed. */
  Error = 2,
}
