// Unary gRPC calls from a test, with the generated messages.
import {
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  create,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";

const CALL_TIMEOUT_MS = 10_000;

/** A client of one server on 127.0.0.1. */
export class GrpcClient {
  private readonly client: Client;

  constructor(port: number) {
    this.client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
  }

  /** Resolves once there is a connection. @throws Error after `timeoutMs` milliseconds. */
  connected(timeoutMs = CALL_TIMEOUT_MS): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  /** Makes one call. @throws ServiceError of grpc-js, with `code`. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const message = toBinary(method.input, create(method.input, request));
    return this.callWithBytes(method, message);
  }

  /** Like `call`, with a request that is encoded already. */
  callWithBytes<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: Uint8Array,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        request,
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error(`${method.name}: no response`));
          else resolve(response);
        },
      );
    });
  }

  close(): void {
    this.client.close();
  }
}
