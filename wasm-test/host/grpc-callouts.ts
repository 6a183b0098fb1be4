// grpc_call and grpc_stream of one VM. Source: Envoy context.cc grpcCall to grpcCancel.

import { GrpcStatus, WasmResult } from "./abi-values.js";
import type { EventLoop, TimerHandle } from "./event-loop.js";
import {
  UNAVAILABLE_TRAILERS,
  type GrpcClientSide,
  type GrpcServer,
  type GrpcServerStream,
  type GrpcTarget,
} from "./grpc-server.js";
import { HeaderMap } from "./pairs.js";
import type { RootContext } from "./root-context.js";
import { HostRuleViolation } from "./rules.js";
import type { Vm } from "./vm.js";

interface Callout {
  readonly token: number;
  readonly root: RootContext;
  stream: GrpcServerStream | undefined;
  timer: TimerHandle | undefined;
  localClosed: boolean;
  remoteClosed: boolean;
}

// The low two bits of a token tell what it stands for.
const TYPE_MASK = 3;
const CALL = 1;
const STREAM = 2;
const STEP = 4;

export interface GrpcCalloutsOptions {
  readonly vm: Vm;
  readonly loop: EventLoop;
  readonly findServer: (cluster: string) => GrpcServer | undefined;
  /** Where misuse is noted that Envoy may survive. */
  readonly warnings: string[];
}

export class GrpcCallouts {
  readonly #vm: Vm;
  readonly #loop: EventLoop;
  readonly #findServer: (cluster: string) => GrpcServer | undefined;
  readonly #warnings: string[];
  readonly #callouts = new Map<number, Callout>();
  #lastCall = CALL;
  #lastStream = STREAM;

  constructor(options: GrpcCalloutsOptions) {
    this.#vm = options.vm;
    this.#loop = options.loop;
    this.#findServer = options.findServer;
    this.#warnings = options.warnings;
  }

  /** A unary call. Its response comes as proxy_on_grpc_receive, its failure as proxy_on_grpc_close. */
  call(
    root: RootContext,
    target: GrpcTarget,
    message: Uint8Array,
    timeoutMs: number,
  ): { token: number } | WasmResult {
    const server = this.#findServer(target.cluster);
    if (server === undefined) return WasmResult.ParseFailure;
    this.#lastCall += STEP;
    const callout = this.#add(root, this.#lastCall);
    const client = this.#unaryClient(callout);
    if (server.reachability === "no-endpoints") return this.#failAtOnce(callout, client);
    callout.stream = server.accept(target, this.#loop, client);
    callout.stream.receive(message, true);
    if (timeoutMs > 0) {
      callout.timer = this.#loop.setTimer(timeoutMs, () => {
        callout.stream?.receiveReset();
        this.#close(callout, GrpcStatus.DeadlineExceeded, "");
      });
    }
    return { token: callout.token };
  }

  /** A stream in both directions. */
  open(root: RootContext, target: GrpcTarget): { token: number } | WasmResult {
    const server = this.#findServer(target.cluster);
    if (server === undefined) return WasmResult.ParseFailure;
    this.#lastStream += STEP;
    const callout = this.#add(root, this.#lastStream);
    const client = this.#streamClient(callout);
    if (server.reachability === "no-endpoints") return this.#failAtOnce(callout, client);
    callout.stream = server.accept(target, this.#loop, client);
    return { token: callout.token };
  }

  send(token: number, message: Uint8Array, endStream: boolean): WasmResult {
    if ((token & TYPE_MASK) !== STREAM) return WasmResult.BadArgument;
    const callout = this.#callouts.get(token);
    if (callout === undefined) return WasmResult.NotFound;
    if (callout.remoteClosed) {
      this.#warnings.push(
        `grpc_send on stream ${String(token)}, which the server has ended: Envoy may touch freed memory; grpc_close it in proxy_on_grpc_close`,
      );
    } else if (!callout.localClosed) callout.stream?.receive(message, endStream);
    return WasmResult.Ok;
  }

  /** Ends the module's side of a stream; cancels a call. */
  close(token: number): WasmResult {
    if ((token & TYPE_MASK) === CALL) return this.cancel(token);
    if ((token & TYPE_MASK) !== STREAM) return WasmResult.BadArgument;
    const callout = this.#callouts.get(token);
    if (callout === undefined) return WasmResult.NotFound;
    callout.localClosed = true;
    if (callout.remoteClosed) this.#callouts.delete(token);
    else callout.stream?.receiveEnd();
    return WasmResult.Ok;
  }

  cancel(token: number): WasmResult {
    const type = token & TYPE_MASK;
    if (type !== CALL && type !== STREAM) return WasmResult.BadArgument;
    const callout = this.#callouts.get(token);
    if (callout === undefined) return WasmResult.NotFound;
    callout.timer?.cancel();
    callout.stream?.receiveReset();
    this.#callouts.delete(token);
    return WasmResult.Ok;
  }

  #add(root: RootContext, token: number): Callout {
    const callout: Callout = {
      token,
      root,
      stream: undefined,
      timer: undefined,
      localClosed: false,
      remoteClosed: false,
    };
    this.#callouts.set(token, callout);
    return callout;
  }

  /**
   * No healthy host: a stream's metadata callbacks come nested in the host call, the host call fails, and
   * the close callback comes behind it, for a token the module never got.
   */
  #failAtOnce(callout: Callout, client: GrpcClientSide): WasmResult {
    client.onInitialMetadata([]);
    client.onTrailers(UNAVAILABLE_TRAILERS);
    this.#callouts.delete(callout.token);
    this.#vm.defer({
      label: `proxy_on_grpc_close of token ${String(callout.token)}`,
      run: () => {
        this.#close(callout, GrpcStatus.Unavailable, "no healthy upstream{no_healthy_upstream}");
      },
    });
    return WasmResult.InternalFailure;
  }

  #streamClient(callout: Callout): GrpcClientSide {
    const { root, token } = callout;
    return {
      onInitialMetadata: (metadata) => {
        root.grpcInitialMetadata = new HeaderMap(metadata);
        this.#vm.callback("proxy_on_grpc_receive_initial_metadata", root, token, metadata.length);
        root.grpcInitialMetadata = undefined;
      },
      onMessage: (message) => {
        this.#receive(callout, message);
      },
      onTrailers: (metadata) => {
        root.grpcTrailingMetadata = new HeaderMap(metadata);
        this.#vm.callback("proxy_on_grpc_receive_trailing_metadata", root, token, metadata.length);
        root.grpcTrailingMetadata = undefined;
      },
      onClosed: (status, message) => {
        this.#close(callout, status, message);
      },
    };
  }

  #unaryClient(callout: Callout): GrpcClientSide {
    let response: Uint8Array | undefined;
    return {
      onInitialMetadata: () => undefined,
      onMessage: (message) => {
        response = message;
      },
      onTrailers: () => undefined,
      onClosed: (status, message) => {
        callout.timer?.cancel();
        if (status !== GrpcStatus.Ok || response === undefined) {
          this.#close(callout, status, message);
          return;
        }
        this.#receive(callout, response);
        this.#callouts.delete(callout.token);
      },
    };
  }

  #receive({ root, token }: Callout, message: Uint8Array): void {
    root.grpcMessage = message;
    this.#vm.callback("proxy_on_grpc_receive", root, token, message.length);
    root.grpcMessage = undefined;
  }

  #close(callout: Callout, status: number, message: string): void {
    if (this.#vm.frames.length > 0) {
      throw this.#vm.fail(new HostRuleViolation("endless-callback", "proxy_on_grpc_close"));
    }
    const { root, token } = callout;
    callout.remoteClosed = true;
    root.status = { code: status, message };
    this.#vm.callback("proxy_on_grpc_close", root, token, status);
    root.status = { code: status, message: "" };
    if (callout.localClosed || (token & TYPE_MASK) === CALL) this.#callouts.delete(token);
  }
}
