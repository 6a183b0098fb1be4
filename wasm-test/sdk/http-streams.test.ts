// ABI chapter "HTTP streams": the callbacks of an HTTP stream in their order, and the example http-headers.

import { describe, expect, it } from "vitest";

import { StreamType, TestHost, type HttpMessage } from "../host/index.js";
import { builtModule } from "../modules/built-module.js";
import { startSdkHost } from "./support/sdk-host.js";

const HEADERS = await builtModule("http-headers");

describe("the callbacks of an HTTP stream", () => {
  it("come in order, with their arguments", () => {
    const sdk = startSdkHost({ pluginConfiguration: "http" });
    sdk.takeLogs();
    const answer: HttpMessage = {
      headers: [[":status", "200"]],
      body: Buffer.from("answer"),
      trailers: [
        ["a", "1"],
        ["b", "2"],
      ],
    };
    const exchange = sdk.host.request(
      { headers: [[":path", "/"]], body: Buffer.from("question!"), trailers: [["t", "1"]] },
      () => answer,
    );
    const context = { id: exchange.context.id };
    const continueRequest = () => {
      sdk.call(context, "continueStream", StreamType.Request);
      sdk.host.runUntilIdle();
    };
    const id = String(context.id);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([`onRequestHeaders ${id} 1 false`]);
    continueRequest();
    expect(sdk.takeLogs()).toEqual([`onRequestBody ${id} 9 false`, `onRequestTrailers ${id} 1`]);
    continueRequest();
    expect(sdk.takeLogs()).toEqual([
      `onResponseHeaders ${id} 1 false`,
      `onResponseBody ${id} 6 false`,
      `onResponseTrailers ${id} 2`,
      `onLog ${id}`,
      `onDone ${id}`,
      `onDelete ${id}`,
    ]);
    expect(Buffer.from(exchange.response?.body ?? []).toString()).toBe("answer");
  });
});

describe("http-headers", () => {
  const start = () => new TestHost({ module: HEADERS, pluginConfiguration: "configured value" });

  it("adds the configured header to a request, and removes the internal one", () => {
    const host = start();
    const exchange = host.request({
      headers: [
        [":path", "/hello"],
        ["x-internal", "1"],
      ],
    });
    host.runUntilIdle();
    expect([...(exchange.request?.headers ?? [])]).toEqual([
      [":path", "/hello"],
      ["x-plugin", "configured value"],
    ]);
  });

  it("sets the request's path on its own response, with other streams in between", () => {
    const host = start();
    const answer: HttpMessage = {
      headers: [
        [":status", "200"],
        ["x-request-path", "old"],
        ["x-internal", "1"],
      ],
    };
    const paths = ["/a", "/b", "/c"];
    const exchanges = paths.map((path) =>
      host.request({ headers: [[":path", path]] }, () => answer),
    );
    host.runUntilIdle();
    expect(exchanges.map((exchange) => [...(exchange.response?.headers ?? [])])).toEqual(
      paths.map((path) => [
        [":status", "200"],
        ["x-request-path", path],
      ]),
    );
  });

  it("answers a blocked request itself", () => {
    const host = start();
    const exchange = host.request({
      headers: [
        [":path", "/"],
        ["x-block", "1"],
      ],
    });
    host.runUntilIdle();
    expect(exchange.request).toBeUndefined();
    expect(exchange.localResponseDetails).toBe("blocked_by_http_headers");
    expect(exchange.response?.headers.get(":status")).toBe("403");
    expect(Buffer.from(exchange.response?.body ?? []).toString()).toBe("blocked\n");
  });

  it("keeps its memory constant over 20,000 streams, by collecting at its ticks", () => {
    const host = start();
    const requests = (count: number) => {
      for (let i = 0; i < count; i++) {
        host.request({ headers: [[":path", "/x"]] });
        host.runUntilIdle();
        if (i % 500 === 0) host.advance(10_000);
      }
    };
    requests(2000);
    const size = host.vm.memory.sizeBytes;
    requests(18_000);
    expect(host.vm.memory.sizeBytes).toBe(size);
  });
});
