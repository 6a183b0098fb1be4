// gRPC calls and streams.
// Spec: proxy-wasm ABI 0.2.1, chapter "gRPC calls". Answers come to PluginContext.onGrpc*.
// The ABI leaves the service argument to the host; Envoy parses it as envoy.config.core.v3.GrpcService
// and takes it for a cluster name only where that fails. Some names do parse (the bytes of "xa" are a
// field 15), so a cluster name is always sent as GrpcService {envoy_grpc {cluster_name}}.
// Allocates: GrpcMethod at start-up; its methods never; grpcStream arena, given back at once.

import {
  proxy_grpc_call,
  proxy_grpc_cancel,
  proxy_grpc_close,
  proxy_grpc_send,
  proxy_grpc_stream,
} from "../abi/env";
import { Status } from "../abi/enums";
import { allocate, mark, release } from "../memory/arena";
import { RESULT_PTR } from "../memory/host-bytes";
import { encodeText, textLen } from "./text";
import { StaticBytes } from "../memory/static-bytes";
import { HeaderPairs } from "./header-pairs";
import { encodeBytesField, encodedBytesFieldLen } from "./protobuf-field";

/** The token of the call or stream opened last; read it right after. */
export let grpcToken: u32 = 0;

// GrpcService.envoy_grpc and GrpcService.EnvoyGrpc.cluster_name.
const ENVOY_GRPC_FIELD: u32 = 1;
const CLUSTER_NAME_FIELD: u32 = 1;

function grpcServiceLen(clusterNameLen: u32): u32 {
  return encodedBytesFieldLen(encodedBytesFieldLen(clusterNameLen));
}

/** Writes GrpcService {envoy_grpc {cluster_name}} at `ptr`, grpcServiceLen bytes. */
function encodeGrpcService(ptr: usize, namePtr: usize, nameLen: u32): void {
  const envoyGrpcLen = encodedBytesFieldLen(nameLen);
  const envoyGrpc = ptr + <usize>(grpcServiceLen(nameLen) - envoyGrpcLen);
  // The outer field's content is written in place first, so copying it onto itself changes nothing.
  encodeBytesField(envoyGrpc, CLUSTER_NAME_FIELD, namePtr, nameLen);
  encodeBytesField(ptr, ENVOY_GRPC_FIELD, envoyGrpc, envoyGrpcLen);
}

/** A gRPC method of a cluster, encoded once: for calls on the data path. Build it at start-up. */
export class GrpcMethod {
  private readonly servicePtr: usize;
  private readonly serviceLen: u32;
  private readonly serviceName: StaticBytes;
  private readonly methodName: StaticBytes;
  private readonly metadata: HeaderPairs;

  /**
   * `clusterName`: an HTTP/2 cluster. `serviceName`: full name, "package.Service". `metadata`: initial
   * metadata, names and values in turn.
   */
  constructor(
    clusterName: string,
    serviceName: string,
    methodName: string,
    metadata: string[] = [],
  ) {
    const name = new StaticBytes(clusterName);
    const len = grpcServiceLen(name.len);
    const ptr = heap.alloc(<usize>len);
    encodeGrpcService(ptr, name.ptr, name.len);
    this.servicePtr = ptr;
    this.serviceLen = len;
    this.serviceName = new StaticBytes(serviceName);
    this.methodName = new StaticBytes(methodName);
    this.metadata = new HeaderPairs(metadata);
  }

  /** Sends one message and expects one back; on Ok the token is in grpcToken. */
  call(messagePtr: usize, messageLen: u32, timeoutMs: u32): Status {
    return takeToken(
      proxy_grpc_call(
        this.servicePtr,
        <usize>this.serviceLen,
        this.serviceName.ptr,
        <usize>this.serviceName.len,
        this.methodName.ptr,
        <usize>this.methodName.len,
        this.metadata.ptr,
        <usize>this.metadata.len,
        messagePtr,
        <usize>messageLen,
        timeoutMs,
        RESULT_PTR,
      ),
    );
  }

  /** Opens a stream; on Ok the token is in grpcToken. */
  openStream(): Status {
    return takeToken(
      proxy_grpc_stream(
        this.servicePtr,
        <usize>this.serviceLen,
        this.serviceName.ptr,
        <usize>this.serviceName.len,
        this.methodName.ptr,
        <usize>this.methodName.len,
        this.metadata.ptr,
        <usize>this.metadata.len,
        RESULT_PTR,
      ),
    );
  }
}

function takeToken(status: u32): Status {
  grpcToken = status == <u32>Status.Ok ? load<u32>(RESULT_PTR) : 0;
  return <Status>status;
}

/** Sends one message to `method`; on Ok the token is in grpcToken. ParseFailure: unknown cluster. */
export function grpcCall(
  method: GrpcMethod,
  messagePtr: usize,
  messageLen: u32,
  timeoutMs: u32,
): Status {
  return method.call(messagePtr, messageLen, timeoutMs);
}

/**
 * Opens a stream to a method named at run time; on Ok the token is in grpcToken. ParseFailure: Envoy
 * does not know the cluster. InternalFailure: the arena has no room, or the host could not open it.
 */
export function grpcStream(clusterName: string, serviceName: string, methodName: string): Status {
  const position = mark();
  const status = openStream(clusterName, serviceName, methodName);
  release(position);
  return status;
}

function openStream(clusterName: string, serviceName: string, methodName: string): Status {
  const clusterPtr = encodeText(clusterName);
  const clusterLen = textLen;
  const serviceNamePtr = encodeText(serviceName);
  const serviceNameLen = textLen;
  const methodNamePtr = encodeText(methodName);
  const methodNameLen = textLen;
  const serviceLen = grpcServiceLen(clusterLen);
  const servicePtr = allocate(<usize>serviceLen);
  if (clusterPtr == 0 || serviceNamePtr == 0 || methodNamePtr == 0 || servicePtr == 0) {
    grpcToken = 0;
    return Status.InternalFailure;
  }
  encodeGrpcService(servicePtr, clusterPtr, clusterLen);
  return takeToken(
    proxy_grpc_stream(
      servicePtr,
      <usize>serviceLen,
      serviceNamePtr,
      <usize>serviceNameLen,
      methodNamePtr,
      <usize>methodNameLen,
      0,
      0,
      RESULT_PTR,
    ),
  );
}

/** Sends a message on a stream; `endOfStream` half-closes it. NotFound: no such stream any more. */
export function grpcSend(token: u32, ptr: usize, size: u32, endOfStream: bool): Status {
  return <Status>proxy_grpc_send(token, ptr, <usize>size, endOfStream ? 1 : 0);
}

/** Ends our side of a call or stream: half-closes, no reset. */
export function grpcClose(token: u32): Status {
  return <Status>proxy_grpc_close(token);
}

/** Gives up a call or stream: it is reset, and no callback for it follows. */
export function grpcCancel(token: u32): Status {
  return <Status>proxy_grpc_cancel(token);
}
