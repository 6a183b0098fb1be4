// ABI chapter "HTTP streams": the callbacks of an HTTP filter, on the example http-headers.

import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { HeaderMapType } from "../host/index.js";
import { HttpHost } from "./support/http-host.js";
import { buildFirst } from "./support/build-first.js";

buildFirst("http-headers");

const CONTINUE = 0;
const PAUSE = 1;
const REQUEST = HeaderMapType.RequestHeaders;
const RESPONSE = HeaderMapType.ResponseHeaders;

let host: HttpHost;

beforeEach(async () => {
  host = new HttpHost(readFileSync(await buildWasm("http-headers")), "configured value");
});

describe("http-headers", () => {
  it("adds the configured header to a request, and removes the internal one", () => {
    const stream = host.newStream();
    const action = stream.requestHeaders([
      [":path", "/hello"],
      ["x-internal", "1"],
    ]);
    expect(action).toBe(CONTINUE);
    expect(stream.headers(REQUEST)).toEqual({ ":path": "/hello", "x-plugin": "configured value" });
  });

  it("sets the request's path on its own response, with other streams in between", () => {
    const streams = ["/a", "/b", "/c"].map((path) => {
      const stream = host.newStream();
      stream.requestHeaders([[":path", path]]);
      return { stream, path };
    });
    for (const { stream, path } of streams.toReversed()) {
      const action = stream.responseHeaders([
        [":status", "200"],
        ["x-request-path", "old"],
        ["x-internal", "1"],
      ]);
      expect(action).toBe(CONTINUE);
      expect(stream.headers(RESPONSE)).toEqual({ ":status": "200", "x-request-path": path });
      stream.finish();
    }
  });

  it("answers a blocked request itself", () => {
    const stream = host.newStream();
    const action = stream.requestHeaders([
      [":path", "/"],
      ["x-block", "1"],
    ]);
    expect(action).toBe(PAUSE);
    expect(stream.localResponse).toMatchObject({
      status: 403,
      details: "blocked_by_http_headers",
      headers: [["content-type", "text/plain"]],
    });
    expect(Buffer.from(stream.localResponse?.body ?? []).toString()).toBe("blocked\n");
  });

  it("keeps its memory constant over 20,000 streams, by collecting at its ticks", () => {
    const streams = (count: number) => {
      for (let i = 0; i < count; i++) {
        const stream = host.newStream();
        stream.requestHeaders([[":path", "/x"]]);
        stream.responseHeaders([[":status", "200"]]);
        stream.finish();
        if (i % 500 === 0) host.vm.callback("proxy_on_tick", host.root);
      }
    };
    streams(2000);
    const size = host.vm.memory.sizeBytes;
    streams(18_000);
    expect(host.vm.memory.sizeBytes).toBe(size);
  });
});
