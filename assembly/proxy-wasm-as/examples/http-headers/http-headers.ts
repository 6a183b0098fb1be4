// An HTTP filter that reads, adds, replaces and removes headers, and answers some requests itself.
//   request   x-plugin added, with the plugin's configuration as its value; x-internal removed;
//             with x-block: 403, and the request goes no further
//   response  x-request-path replaced by the path of the request; x-internal removed
// Allocates: one context per stream, collected every COLLECT_PERIOD_MS; per header never.

import { Action, BufferType, LogLevel, MapType, Status } from "../../abi/enums";
import { registerPlugin } from "../../context/callbacks-lifecycle";
import { HttpContext } from "../../context/http-context";
import { PluginContext } from "../../context/plugin-context";
import { getBuffer } from "../../host/buffers";
import { HeaderPairsReader } from "../../host/header-pairs";
import {
  addHeader,
  getHeader,
  HeaderName,
  readHeaderPairs,
  removeHeader,
  replaceHeader,
} from "../../host/headers";
import { LocalResponse } from "../../host/http-response";
import { log, logEnabled } from "../../host/log";
import { getProperty, PropertyPath, setProperty } from "../../host/properties";
import { setTickPeriod } from "../../host/timer";
import { collectGarbageAfterTick } from "../../memory/collect";
import { bytesLen, bytesPtr } from "../../memory/host-bytes";
import { bytesToString } from "../../host/text";
import { StaticBytes } from "../../memory/static-bytes";

export {
  proxy_abi_version_0_2_1,
  proxy_on_configure,
  proxy_on_context_create,
  proxy_on_delete,
  proxy_on_memory_allocate,
  proxy_on_request_headers,
  proxy_on_response_headers,
  proxy_on_tick,
  proxy_on_vm_start,
} from "../../exports";

const COLLECT_PERIOD_MS: u32 = 10000;

const PLUGIN = new HeaderName("x-plugin");
const INTERNAL = new HeaderName("x-internal");
const BLOCK = new HeaderName("x-block");
const PATH = new HeaderName(":path");
const REQUEST_PATH = new HeaderName("x-request-path");
/** Where the path waits for the response: the property lives as long as the stream. */
const SAVED_PATH = new PropertyPath(["http_headers_path"]);
const FORBIDDEN = new LocalResponse(
  403,
  "blocked_by_http_headers",
  ["content-type", "text/plain"],
  "blocked\n",
);

const headers = new HeaderPairsReader();

class HttpHeadersPlugin extends PluginContext {
  value: StaticBytes = new StaticBytes("");

  override onConfigure(size: u32): bool {
    if (getBuffer(BufferType.PluginConfiguration, 0, size) != Status.Ok) return false;
    this.value = new StaticBytes(bytesToString());
    return setTickPeriod(COLLECT_PERIOD_MS) == Status.Ok;
  }

  override onTick(): void {
    collectGarbageAfterTick();
  }

  override createHttpContext(id: u32): HttpContext | null {
    return new HttpHeadersStream(this);
  }
}

class HttpHeadersStream extends HttpContext {
  constructor(private readonly plugin: HttpHeadersPlugin) {
    super();
  }

  override onRequestHeaders(count: u32, endOfStream: bool): Action {
    const map = MapType.HttpRequestHeaders;
    if (getHeader(map, BLOCK) == Status.Ok) {
      FORBIDDEN.send();
      return Action.Pause;
    }
    if (getHeader(map, PATH) == Status.Ok) setProperty(SAVED_PATH, bytesPtr, bytesLen);
    addHeader(map, PLUGIN, this.plugin.value.ptr, this.plugin.value.len);
    removeHeader(map, INTERNAL);
    // Guarded, since building the lines allocates strings.
    if (logEnabled(LogLevel.Debug)) logHeaders(map);
    return Action.Continue;
  }

  override onResponseHeaders(count: u32, endOfStream: bool): Action {
    const map = MapType.HttpResponseHeaders;
    if (getProperty(SAVED_PATH) == Status.Ok) replaceHeader(map, REQUEST_PATH, bytesPtr, bytesLen);
    removeHeader(map, INTERNAL);
    return Action.Continue;
  }
}

function logHeaders(map: MapType): void {
  if (readHeaderPairs(map, headers) != Status.Ok) return;
  while (headers.next()) {
    const name = String.UTF8.decodeUnsafe(headers.namePtr, <usize>headers.nameLen);
    const value = String.UTF8.decodeUnsafe(headers.valuePtr, <usize>headers.valueLen);
    log(LogLevel.Debug, `${name}: ${value}`);
  }
}

registerPlugin((id: u32): PluginContext => new HttpHeadersPlugin());
