// The parts of Apache's npm package "thrift" 0.24 that the tests use; it comes without types.
declare module "thrift" {
  export interface MessageBegin {
    /** A Buffer when the message is lax binary. */
    readonly fname: string | Buffer;
    readonly mtype: number;
    readonly rseqid: number;
  }

  export interface FieldBegin {
    readonly ftype: number;
    readonly fid: number;
  }

  export interface TTransport {
    inBuf: Buffer;
    readCursor: number;
    writeCursor: number;
    setProtocolId(id: number): void;
    setSeqId(seqid: number): void;
    getSeqId(): number;
    setWriteHeader(key: string, value: string): void;
    getReadHeaders(): Readonly<Record<string, string>>;
  }

  export interface TProtocol {
    writeMessageBegin(name: string, type: number, seqid: number): void;
    writeMessageEnd(): void;
    writeStructBegin(name: string): void;
    writeStructEnd(): void;
    writeFieldBegin(name: string, type: number, id: number): void;
    writeFieldEnd(): void;
    writeFieldStop(): void;
    writeMapBegin(keyType: number, valueType: number, size: number): void;
    writeMapEnd(): void;
    writeListBegin(elementType: number, size: number): void;
    writeListEnd(): void;
    writeSetBegin(elementType: number, size: number): void;
    writeSetEnd(): void;
    writeBool(value: boolean): void;
    writeByte(value: number): void;
    writeI16(value: number): void;
    writeI32(value: number): void;
    writeI64(value: number): void;
    writeDouble(value: number): void;
    writeString(value: string): void;
    writeUuid(value: string): void;
    flush(): void;
    readMessageBegin(): MessageBegin;
    readMessageEnd(): void;
    readStructBegin(): void;
    readStructEnd(): void;
    readFieldBegin(): FieldBegin;
    readFieldEnd(): void;
    skip(type: number): void;
  }

  export const TBufferedTransport: new (
    buffer: Buffer | undefined,
    onFlush: (bytes: Buffer) => void,
  ) => TTransport;
  export const TBinaryProtocol: new (
    transport: TTransport,
    strictRead?: boolean,
    strictWrite?: boolean,
  ) => TProtocol;
  export const TCompactProtocol: new (transport: TTransport) => TProtocol;
  export const THeaderProtocol: new (transport: TTransport) => TProtocol;

  export namespace Thrift {
    class TApplicationException extends Error {
      type: number;
      read(input: TProtocol): void;
    }
  }
}
