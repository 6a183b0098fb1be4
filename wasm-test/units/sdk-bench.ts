// AssemblyScript entry for the benchmark callback-cost: the same work with and without the SDK.

import { Action, BufferType, Status } from "../../assembly/proxy-wasm-as/abi/enums";
import {
  proxy_get_buffer_bytes,
  proxy_set_buffer_bytes,
} from "../../assembly/proxy-wasm-as/abi/env";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { StreamContext } from "../../assembly/proxy-wasm-as/context/stream-context";
import { getBuffer, replaceBuffer } from "../../assembly/proxy-wasm-as/host/buffers";
import { release, mark } from "../../assembly/proxy-wasm-as/memory/arena";
import { bytesLen, bytesPtr } from "../../assembly/proxy-wasm-as/memory/host-bytes";

export {
  proxy_abi_version_0_2_1,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_downstream_data,
  proxy_on_memory_allocate,
  proxy_on_upstream_data,
} from "../../assembly/proxy-wasm-as/exports";

const RESULT: usize = memory.data(8, 8);

/** A callback that returns at once, without contexts. */
export function bareReturn(context: u32, size: u32, endOfStream: u32): u32 {
  return Action.Continue;
}

/** get_buffer_bytes and set_buffer_bytes, without contexts and wrappers. */
export function bareEcho(context: u32, size: u32, endOfStream: u32): u32 {
  const position = mark();
  if (proxy_get_buffer_bytes(BufferType.DownstreamData, 0, size, RESULT, RESULT + 4) == 0) {
    const ptr = load<u32>(RESULT);
    const len = load<u32>(RESULT + 4);
    proxy_set_buffer_bytes(BufferType.DownstreamData, 0, 0x7fffffff, ptr, len);
  }
  release(position);
  return Action.Continue;
}

class BenchPlugin extends PluginContext {
  override createStreamContext(id: u32): StreamContext | null {
    return id % 2 == 0 ? new EvenStream() : new OddStream();
  }
}

/** Two classes, as in a real module, so that the dispatch is a virtual one. */
class EvenStream extends StreamContext {
  override onDownstreamData(size: u32, endOfStream: bool): Action {
    if (getBuffer(BufferType.DownstreamData, 0, size) == Status.Ok) {
      replaceBuffer(BufferType.DownstreamData, bytesPtr, bytesLen);
    }
    return Action.Continue;
  }

  override onUpstreamData(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }
}

class OddStream extends StreamContext {
  override onDownstreamData(size: u32, endOfStream: bool): Action {
    return size == 0xffffffff ? Action.Pause : Action.Continue;
  }
}

registerPlugin((id: u32): PluginContext => new BenchPlugin());
