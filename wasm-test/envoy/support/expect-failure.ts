// What a client's own code catches when the proxy answers in place of the server.
import { expect } from "vitest";
import type { FailureLink, PeerFailure } from "./peer-process.js";

const RPC_EXCEPTION = "org.apache.dubbo.rpc.RpcException";

/** Codes of org.apache.dubbo.rpc.RpcException. */
export const RpcCode = {
  Unknown: 0,
  Network: 1,
  Timeout: 2,
  Forbidden: 4,
  NoInvoker: 6,
  LimitExceeded: 7,
} as const;

/**
 * Dubbo: the failure is an RpcException, one of its chain has this code, and the text of the proxy is
 * in the outermost message, where a log shows it.
 */
export function expectRpcException(
  failure: PeerFailure,
  code: number,
  text: string | RegExp,
): void {
  const links = failure.chain.filter((link) => link.class === RPC_EXCEPTION);
  expect(failure.className, failure.describe()).toBe(RPC_EXCEPTION);
  expect(
    links.map((link: FailureLink) => link.code),
    failure.describe(),
  ).toContain(code);
  expect(failure.message).toMatch(text);
}

/** Thrift: the failure is a TApplicationException of this type with the text of the proxy. */
export function expectApplicationException(
  failure: PeerFailure,
  type: number,
  text: string | RegExp,
): void {
  expect(failure.className, failure.describe()).toBe("TApplicationException");
  expect(failure.code, failure.describe()).toBe(type);
  expect(failure.message).toMatch(text);
}
