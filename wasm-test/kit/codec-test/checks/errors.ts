// Answers of the proxy's own: what the client gets has to be a response, and to say that something went wrong.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import { Conversation, type Exchange, expectAlive } from "../conversation.js";
import { expectBytes, fail } from "../failure.js";
import { DESERTED, type ProxyOptions, SERVICE } from "../proxy.js";
import { HASTY, LATE_MS } from "../timing.js";
import { isError } from "./attributes.js";

const MOST_REQUESTS = 12;
const SETTLE_MS = 2_500;

/** How an error is brought about: what the client of `talk` gets then is the reply. */
interface Trigger {
  readonly name: string;
  readonly options: (exchange: Exchange) => ProxyOptions;
  readonly act: (talk: Conversation, exchange: Exchange, bench: Bench) => void;
  /** It says why there may be no reply. */
  readonly orElse?: string;
}

const ask = (talk: Conversation, { request }: Exchange): void => {
  talk.proxy.send(talk.client, request.bytes);
};

function toCluster(cluster: string): ProxyOptions {
  return { routes: [{ destinations: [{ cluster }] }] };
}

/** A filter of the module's own; `config` in hexadecimal digits: proto/metaproto/filters. */
function withFilter(name: string, config: string): ProxyOptions {
  const bytes = Buffer.from(config, "hex");
  return {
    filters: [{ name: `metaproto.filters.${name}`, config: bytes.toString("base64") }],
  };
}

// One token a day; a policy that denies everything; an abort of every request.
const ONE_TOKEN = "0a0a080110011a040880a3051a036b6974";
const DENIED = "0a090a036b697410011a00";
const ABORTED = "1a06080718c0843d";

const TRIGGERS: readonly Trigger[] = [
  {
    name: "no route",
    options: () => ({
      routes: [
        { match: [{ name: "x-kit", exact: "never" }], destinations: [{ cluster: SERVICE }] },
      ],
    }),
    act: ask,
  },
  { name: "unknown cluster", options: () => toCluster("nowhere"), act: ask },
  { name: "no healthy endpoint", options: () => toCluster(DESERTED), act: ask },
  {
    name: "connection failure",
    options: () => ({}),
    act: (talk, exchange) => {
      talk.proxy.service.server.accept = "refuse";
      ask(talk, exchange);
    },
  },
  {
    name: "connection ended",
    options: () => ({}),
    act: (talk, exchange) => {
      ask(talk, exchange);
      talk.proxy.service.latest.reset();
      talk.proxy.run();
    },
  },
  {
    name: "overload",
    options: () => ({ cluster: { maxRequests: 1 } }),
    act: (talk, exchange) => {
      ask(new Conversation(talk.proxy), exchange);
      ask(talk, exchange);
    },
  },
  {
    name: "timeout",
    // Of the route: that of the proxy is not for requests that say how long they wait.
    options: () => ({ routes: [{ destinations: [{ cluster: SERVICE }], timeout: "1s" }] }),
    act: (talk, exchange) => {
      ask(talk, exchange);
      talk.proxy.advance(SETTLE_MS);
    },
  },
  {
    name: "malformed request",
    options: ({ request }) => ({ plugin: { limits: { maxFrameBytes: request.bytes.length - 1 } } }),
    act: ask,
    orElse: "the id of a request that is refused is not known",
  },
  {
    name: "incomplete request",
    options: () => ({ plugin: HASTY }),
    act: (talk, { request }) => {
      talk.proxy.send(talk.client, request.bytes.subarray(0, -1));
      talk.proxy.advance(LATE_MS);
    },
    orElse: "the id of a request that is not complete is not known",
  },
  {
    name: "malformed response",
    options: () => ({}),
    act: (talk, exchange, { captures }) => {
      const [bytes] = captures.garbage;
      if (bytes === undefined) throw new NotApplicable("captures.yaml has no garbage");
      ask(talk, exchange);
      talk.proxy.write(talk.proxy.service.latest, Buffer.concat([bytes, new Uint8Array(64)]));
    },
  },
  {
    name: "rate limit",
    options: () => withFilter("local_rate_limit", ONE_TOKEN),
    act: (talk, exchange) => {
      ask(new Conversation(talk.proxy), exchange);
      ask(talk, exchange);
    },
  },
  { name: "permission denied", options: () => withFilter("authorization", DENIED), act: ask },
  { name: "internal error", options: () => withFilter("fault", ABORTED), act: ask },
];

export const errors: readonly Check[] = TRIGGERS.map((trigger) => ({
  name: `error reply: ${trigger.name}`,
  run: (bench) => {
    bench.needExchange();
    const requests = new Map(bench.exchanges.map((exchange) => [exchange.request, exchange]));
    const exchanges = [...requests.values()].slice(0, MOST_REQUESTS);
    const replies = new Set<number>();
    let closed = 0;
    bench.each(exchanges, (exchange) => {
      const reply = replyOf(bench, trigger, exchange);
      if (reply === undefined) closed++;
      else replies.add(reply.length);
      if (reply !== undefined) expectError(bench, trigger, exchange, reply);
    });
    if (closed === exchanges.length && closed > 0)
      throw new NotApplicable(
        `the client's connection is closed instead: ${trigger.orElse ?? "the codec has no such reply"}`,
      );
    if (replies.size === 0) return "none";
    const sizes = [...new Set([Math.min(...replies), Math.max(...replies)])].join(" to ");
    return `${plural(exchanges.length - closed, "request")} answered, with ${sizes} bytes`;
  },
}));

/** Undefined: the connection was closed instead. */
function replyOf(bench: Bench, trigger: Trigger, exchange: Exchange): Uint8Array | undefined {
  const talk = start(bench, trigger.options(exchange));
  trigger.act(talk, exchange, bench);
  talk.proxy.run();
  const { client } = talk.visible();
  if (client.length > 0) return client;
  talk.proxy.advance(SETTLE_MS);
  const later = talk.visible();
  if (later.client.length > 0) return later.client;
  const { name } = exchange.request;
  if (!later.isClosed) fail(name, `an answer: ${trigger.name}`, "nothing; the client waits");
  return undefined;
}

function start(bench: Bench, options: ProxyOptions): Conversation {
  try {
    return bench.conversation(options);
  } catch (error) {
    if (options.filters === undefined) throw error;
    throw new NotApplicable("the module has no such filter");
  }
}

/** The reply is what a client takes for a response: the module's own codec does, as a client of itself. */
function expectError(bench: Bench, trigger: Trigger, exchange: Exchange, reply: Uint8Array): void {
  const name = `the reply to ${exchange.request.name}`;
  const talk = bench.conversation();
  for (const size of [reply.length, 1, 7]) {
    talk.reopen();
    talk.send(exchange.request.bytes);
    const { client } = talk.answer(reply, size);
    expectBytes(name, `as a response in reads of ${size}, the client gets`, reply, client);
  }
  expectAlive(talk.proxy, bench.usual);
  if (bench.mode === "dedicated" || isError(bench, exchange, reply)) return;
  // Not every request is sent again, whatever the answer.
  if (!isError(bench, bench.usual, reply))
    fail(name, `an error: ${trigger.name}`, "what looks like success");
}
