// HTTP requests to the probe (testdata/probe/http.ts), in the test host and in a real Envoy alike.

export interface HttpScenario {
  readonly title: string;
  /** What the probe does in its callbacks: header name to commands. */
  readonly commands: Readonly<Record<string, string>>;
  /** The pieces in which the client sends a body. Default: no body. */
  readonly body?: readonly string[];
}

export const HTTP_SCENARIOS: readonly HttpScenario[] = [
  { title: "HTTP request without body", commands: {} },
  { title: "HTTP request with body", commands: {}, body: ["abc"] },
  { title: "HTTP request with a body in two pieces", commands: {}, body: ["abc", "def"] },
  {
    title: "HTTP headers added to request and response",
    commands: {
      "x-request": "tag-request;show-request",
      "x-response": "tag-response;show-response",
    },
  },
  {
    title: "HTTP request paused, continued in a posted call",
    commands: { "x-request": "pause;post;show-request;continue-request" },
  },
  {
    title: "HTTP request with body paused, continued in a posted call",
    commands: { "x-request": "pause;post;continue-request" },
    body: ["abc"],
  },
  {
    title: "HTTP request body buffered to its end",
    commands: { "x-request-body": "buffer;post;continue-request" },
    body: ["abc"],
  },
  {
    title: "HTTP bodies replaced",
    commands: {
      "x-request-body": "replace-request-body",
      "x-response-body": "replace-response-body",
    },
    body: ["abc"],
  },
  {
    title: "HTTP response paused, continued in a posted call",
    commands: { "x-response": "pause;post;show-response;continue-response" },
    body: ["abc"],
  },
  { title: "HTTP local response", commands: { "x-request": "reply" } },
  { title: "HTTP local response, paused as well", commands: { "x-request": "reply;pause" } },
  {
    title: "HTTP local response in a posted call",
    commands: { "x-request": "pause;post;reply", "x-response": "tag-response" },
  },
  {
    title: "HTTP local response to a body",
    commands: { "x-request-body": "reply" },
    body: ["abc"],
  },
  { title: "HTTP request reset", commands: { "x-request": "reset;pause" } },
  { title: "HTTP request's headers in the response", commands: { "x-response": "show-request" } },
];

export const PATH = "/probe";

/** What the server says it got. */
export function serverLine(tag: string | undefined, body: string): string {
  return `received tag ${tag ?? "none"} body ${body}`;
}

/** What the server answers. */
export function serverBody(body: string): string {
  return `server:${body}`;
}

/** What the client says it got. */
export function clientLine(status: number, tag: string | undefined, body: string): string {
  return `received ${String(status)} tag ${tag ?? "none"} body ${body}`;
}
