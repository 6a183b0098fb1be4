// The frame builders against frames that the official libraries put on the wire (Dubbo Java 3.3.6,
// Apache Thrift Python 0.25.0), so that a wire-level test does not only test its own idea of a frame.
import { describe, expect, test } from "vitest";
import {
  dubboHeartbeat,
  dubboReadonly,
  dubboRequest,
  dubboResponse,
  hessianString,
  parseDubboFrame,
  valueBody,
} from "./dubbo-wire.js";
import {
  type ThriftMessage,
  type ThriftWire,
  exceptionStruct,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
} from "./thrift-wire.js";

describe("Dubbo frames", () => {
  test("response with a value and attachments", () => {
    const text = "Hello world {input=178, remote.application=peer-consumer}";
    const body = valueBody(text, { "srv-att": "from-server" });
    const hex =
      "dabb0214ba1fed83377f3aa60000005e94303948656c6c6f20776f726c64207b696e7075743d3137382c2072656d" +
      "6f74652e6170706c69636174696f6e3d706565722d636f6e73756d65727d4805647562626f05322e302e32077372" +
      "762d6174740b66726f6d2d7365727665725a";
    expect(dubboResponse(0xba1fed83377f3aa6n, body).toString("hex")).toBe(hex);
  });

  test("head of a request", () => {
    const frame = dubboRequest({
      id: 0xba1fed83377f3aa6n,
      method: "sayHello",
      path: "peer.Greeter",
      args: [hessianString("world")],
    });
    const hex =
      "05322e302e320c706565722e4772656574657205302e302e300873617948656c6c6f124c6a6176612f6c616e672f53" +
      "7472696e673b05776f726c644804706174680c706565722e47726565746572";
    expect(frame.subarray(16).toString("hex").startsWith(hex)).toBe(true);
    expect(parseDubboFrame(frame)).toMatchObject({ isRequest: true, isTwoWay: true, status: 0 });
  });

  test("events", () => {
    const id = 0xba1fed83377f3ab5n;
    expect(dubboHeartbeat(id).toString("hex")).toBe("dabbe200ba1fed83377f3ab5000000014e");
    expect(dubboHeartbeat(id, false).toString("hex")).toBe("dabb2214ba1fed83377f3ab5000000014e");
    const readonly = dubboReadonly(0x698c299e3de1b00en).toString("hex");
    expect(readonly).toBe("dabba200698c299e3de1b00e000000020152");
  });

  test("strings count UTF-16 units and split into chunks", () => {
    expect(hessianString("😀").toString("hex")).toBe("02eda0bdedb880");
    expect(hessianString("x".repeat(0x8001)).subarray(0, 3).toString("hex")).toBe("528000");
    expect(hessianString("x".repeat(0x8001)).length).toBe(3 + 0x8000 + 2);
  });
});

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const HEADERS = { traceparent: TRACE, "user-id": "u-1001" };

describe("Thrift frames", () => {
  const requests: [ThriftWire, string][] = [
    [
      { transport: "buffered", protocol: "binary" },
      "800100010000000568656c6c6f000000000b000100000005776f726c6400",
    ],
    [
      { transport: "buffered", protocol: "binary-lax" },
      "0000000568656c6c6f01000000000b000100000005776f726c6400",
    ],
    [{ transport: "buffered", protocol: "compact" }, "8221000568656c6c6f1805776f726c6400"],
    [
      { transport: "framed", protocol: "binary" },
      "0000001e800100010000000568656c6c6f000000000b000100000005776f726c6400",
    ],
    [{ transport: "framed", protocol: "compact" }, "000000118221000568656c6c6f1805776f726c6400"],
    [
      { transport: "header", protocol: "binary" },
      "000000800fff0000000000000016000001020b7472616365706172656e743730302d306166373635313931366364" +
        "343364643834343865623231316338303331" +
        "39632d623761643662373136393230333333312d303107757365722d696406752d3130303100800100010000" +
        "000568656c6c6f000000000b000100000005776f726c6400",
    ],
    [
      { transport: "header", protocol: "compact" },
      "000000730fff0000000000000016020001020b7472616365706172656e743730302d306166373635313931366364" +
        "343364643834343865623231316338303331" +
        "39632d623761643662373136393230333333312d303107757365722d696406752d31303031008221000568656c" +
        "6c6f1805776f726c6400",
    ],
  ];

  test.each(requests)("%o request", (wire, hex) => {
    const headers = wire.transport === "header" ? HEADERS : {};
    const body = stringStruct(wire.protocol, 1, "world");
    const message: ThriftMessage = { type: 1, name: "hello", seqid: 0, body, headers };
    expect(thriftFrame(wire, message).toString("hex")).toBe(hex);
    expect(parseThriftFrame(wire, Buffer.from(hex, "hex"))).toEqual(message);
  });

  test("results and exceptions", () => {
    const compact: ThriftWire = { transport: "framed", protocol: "compact" };
    const body = stringStruct("compact", 0, "Hello world");
    const reply = thriftFrame(compact, { type: 2, name: "hello", seqid: 0, body });
    const hex = "000000188241000568656c6c6f08000b48656c6c6f20776f726c6400";
    expect(reply.toString("hex")).toBe(hex);

    const text = "Unknown function noSuch";
    const unknown = (wire: ThriftWire): string =>
      thriftFrame(wire, {
        type: 3,
        name: "noSuch",
        seqid: 9,
        body: exceptionStruct(wire.protocol, text, 1),
      }).toString("hex");
    expect(unknown(compact)).toBe(
      "00000026826109066e6f537563681817556e6b6e6f776e2066756e6374696f6e206e6f53756368150200",
    );
    expect(unknown({ transport: "framed", protocol: "binary" })).toBe(
      "0000003880010003000000066e6f53756368000000090b000100000017556e6b6e6f776e2066756e6374696f6e20" +
        "6e6f537563680800020000000100",
    );
  });
});
