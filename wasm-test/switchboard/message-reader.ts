// Cuts a stream of bytes into the messages of a protocol.

export class MessageReader<Message> {
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes with which a message may be complete. */
  #wanted = 1;

  /**
   * @param lengthOf length of the message at the front of the bytes, undefined while that cannot be told.
   * @param parse reads one whole message.
   */
  constructor(
    private readonly lengthOf: (bytes: Buffer) => number | undefined,
    private readonly parse: (bytes: Buffer) => Message,
  ) {}

  /** The messages that these bytes complete. @throws Error on bytes that are not the protocol's. */
  push(bytes: Uint8Array): Message[] {
    this.#pieces.push(Buffer.from(bytes));
    this.#length += bytes.length;
    const messages: Message[] = [];
    if (this.#length < this.#wanted) return messages;
    let rest = Buffer.concat(this.#pieces);
    for (;;) {
      const length = this.lengthOf(rest);
      if (length === undefined || rest.length < length) {
        this.#keep(rest, length ?? rest.length + 1);
        return messages;
      }
      messages.push(this.parse(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  }

  get pendingBytes(): number {
    return this.#length;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#pieces = [rest];
    this.#length = rest.length;
    this.#wanted = wanted;
  }
}
