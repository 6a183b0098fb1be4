import { describe, expect, test } from "vitest";
import { MAX_INLINE_BYTES, type ModuleDelivery, sizeFault, sourceOf } from "./module-delivery.js";

const digest = "a".repeat(64);
const own = { name: "line", digest, code: new Uint8Array() };
const image = { ...own, image: `oci://registry.test/team/line@sha256:${"b".repeat(64)}` };
const http: ModuleDelivery = {
  kind: "http",
  url: "http://metaproto.system.svc:15016",
};
const oci: ModuleDelivery = { kind: "oci", isPlainHttp: false };

describe("where proxies have a module from", () => {
  test("is the EnvoyFilter, the controller, or the image by its digest", () => {
    expect(sourceOf({ kind: "inline" }, image)).toEqual({ kind: "inline" });
    expect(sourceOf(http, image)).toEqual({
      kind: "remote",
      url: `http://metaproto.system.svc:15016/modules/${digest}.wasm`,
      sha256: digest,
    });
    expect(sourceOf(oci, image)).toEqual({
      kind: "remote",
      url: image.image,
      sha256: "b".repeat(64),
    });
    expect(sourceOf(oci, own)).toEqual({ kind: "inline" });
  });

  test("is no EnvoyFilter for a module that would be more than an object may have", () => {
    const largest = { code: new Uint8Array(MAX_INLINE_BYTES) };
    const larger = { code: new Uint8Array(MAX_INLINE_BYTES + 1) };
    expect(sizeFault({ kind: "inline" }, largest)).toBeUndefined();
    expect(sizeFault({ kind: "inline" }, larger)).toBe(
      "it has 1100001 bytes, and an EnvoyFilter holds one of at most 1100000: use --module-delivery=http",
    );
    expect(sizeFault(http, larger)).toBeUndefined();
    expect(sizeFault(oci, { ...larger, image: image.image })).toBeUndefined();
    expect(sizeFault(oci, larger)).toBeDefined();
  });
});
