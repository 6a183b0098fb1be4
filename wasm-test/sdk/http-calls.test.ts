// ABI chapter "HTTP calls": the wrappers of host/http-call.ts, and what its nested callbacks leave alone.

import { describe, expect, it } from "vitest";

import { HeaderMapType, WasmResult, BufferType } from "../host/index.js";
import type { HttpHandler } from "../host/index.js";
import { startSdkHost, type SdkHost } from "./support/sdk-host.js";

const GET = [":method", "GET", ":path", "/x", ":authority", "a"];
type Request = Parameters<HttpHandler>[0];

const send = (sdk: SdkHost, cluster: string, headers: readonly string[], body = "") =>
  sdk.callRootWith("sendHttpCall", [cluster, headers.join("\n"), body], (...lengths) => lengths);

describe("HttpCallRequest.send", () => {
  it("sends method, headers and body, and its token names the answer", () => {
    const requests: Request[] = [];
    const http: HttpHandler = (request) => {
      requests.push(request);
      const headers = [
        [":status", "200"],
        ["x-answer", "yes"],
      ] as const;
      return { headers, body: Buffer.from("body") };
    };
    const sdk = startSdkHost({ clusters: { service: { http } } });
    sdk.takeLogs();
    expect(send(sdk, "service", [...GET, "x-empty", ""], "question")).toBe(WasmResult.Ok);
    const token = sdk.output().extra;
    expect(token).not.toBe(0);
    sdk.host.runUntilIdle();
    expect(sdk.takeLogs()).toEqual([`onHttpCallResponse ${String(token)} 2 4 0`]);
    const [request] = requests;
    expect([...(request?.headers ?? [])]).toEqual([
      [":method", "GET"],
      [":path", "/x"],
      [":authority", "a"],
      ["x-empty", ""],
    ]);
    expect(Buffer.from(request?.body ?? []).toString()).toBe("question");
    expect(request?.timeoutMs).toBe(1000);
  });

  it("reports an unknown cluster and missing pseudo-headers, with token 0", () => {
    const http: HttpHandler = () => "never";
    const sdk = startSdkHost({ clusters: { service: { http } } });
    expect(send(sdk, "nowhere", GET)).toBe(WasmResult.BadArgument);
    expect(sdk.output().extra).toBe(0);
    expect(send(sdk, "service", [":method", "GET"])).toBe(WasmResult.BadArgument);
    expect(sdk.output().extra).toBe(0);
  });

  it("leaves the outer callback's bytes alone while it dials, which nests callbacks", () => {
    const sdk = startSdkHost({
      clusters: { dial: { internalListener: true } },
      properties: { text: "still here" },
      pluginName: "nine char",
    });
    sdk.takeLogs();
    const read = sdk.callRootWith("getProperty", ["text"], (length) => [length]);
    expect(read).toBe(WasmResult.Ok);
    const mark = sdk.callRoot("arenaMark");
    expect(send(sdk, "dial", GET)).toBe(WasmResult.Ok);
    expect(sdk.takeLogs()[0]).toMatch(/^onNewConnection \d+ of 9$/);
    expect(sdk.bytes().toString()).toBe("still here");
    expect(sdk.callRoot("arenaMark")).toBe(mark);
  });
});

describe("the answer", () => {
  it("is not there outside of onHttpCallResponse", () => {
    const sdk = startSdkHost();
    expect(sdk.callRoot("getBuffer", BufferType.HttpCallResponseBody, 0, 10)).toBe(
      WasmResult.NotFound,
    );
    expect(sdk.callRoot("logHeaderPairs", HeaderMapType.HttpCallResponseHeaders)).toBe(
      WasmResult.Ok,
    );
    expect(sdk.takeLogs().at(-1)).toBe("");
  });
});
