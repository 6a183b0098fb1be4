// Many clients, one connection to the server: each gets its own answer.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import { Conversation, type Exchange } from "../conversation.js";
import { expectBytes, fail, firstDifference, shown } from "../failure.js";
import type { ServerConnection } from "../../../host/index.js";

const MOST_EXCHANGES = 24;
const CLIENTS_EACH = 3;

/** A request on its way, under an id of the proxy's. */
interface Sent {
  readonly exchange: Exchange;
  readonly talk: Conversation;
  readonly connection: ServerConnection;
  readonly bytes: Uint8Array;
}

export const ids: Check = {
  name: "id rewriting",
  run: (bench) => {
    if (bench.mode !== "shared")
      throw new NotApplicable(`requests are not matched by ids: ${bench.mode}`);
    const proxy = bench.subject.start();
    const chosen = bench.exchanges.slice(0, MOST_EXCHANGES);
    const sent: Sent[] = [];
    for (let round = 0; round < CLIENTS_EACH; round++) {
      for (const exchange of chosen) {
        const talk = new Conversation(proxy);
        const bytes = talk.send(exchange.request.bytes).server;
        sent.push({ exchange, talk, connection: proxy.service.latest, bytes });
      }
    }
    bench.each(sent, (one) => expectRequest(bench, one));
    bench.attempt(() => expectDistinct(sent));
    bench.each(sent.toReversed(), (one) => expectAnswer(bench, one, sent));
    const connections = new Set(sent.map(({ connection }) => connection)).size;
    return `${plural(sent.length, "request")} on ${plural(connections, "connection")}, answered in reverse`;
  },
};

/** Nothing but the id differs. */
function expectRequest(bench: Bench, { exchange: { request }, bytes }: Sent): void {
  const { name, id } = request;
  if (id !== undefined) {
    const [expected, seen] = [Uint8Array.from(request.bytes), Uint8Array.from(bytes)];
    for (const frame of [expected, seen]) frame.fill(0, id.at, id.at + id.bytes);
    expectBytes(name, "but for its id, the server gets", expected, seen);
  }
  // The first id of a proxy is always the same: what is left of the old one would show.
  const first = (frame: Uint8Array): Uint8Array =>
    new Conversation(bench.subject.start()).send(frame).server;
  expectBytes(name, "under another id once more, it is", first(request.bytes), first(bytes));
}

function expectDistinct(sent: readonly Sent[]): void {
  const seen = new Map<string, Sent>();
  for (const one of sent) {
    const key = Buffer.from(one.bytes).toString("latin1");
    if (seen.has(key))
      fail(one.exchange.request.name, "an id of its own for each request", shown(one.bytes));
    seen.set(key, one);
  }
}

function expectAnswer(
  bench: Bench,
  { exchange, talk, connection, bytes }: Sent,
  sent: readonly Sent[],
): void {
  const { name } = exchange.response;
  // Where order counts, the module puts the request's id into the response: it makes what a server would.
  const underId = (frame: Uint8Array): Uint8Array => {
    const server = bench.conversation();
    server.send(bytes);
    return server.answer(frame).client;
  };
  const response = underId(exchange.response.bytes);
  talk.proxy.write(connection, response);
  const seen = talk.client.take();
  // A number may be left with more digits than it needs: then it is the same under another id.
  if (seen.length <= exchange.answer.length)
    expectBytes(name, "the client gets", exchange.answer, seen);
  else expectBytes(name, "what the client gets is, under the id before", response, underId(seen));
  for (const other of sent) {
    const stray = other.talk.client.take();
    if (stray.length > 0) fail(name, "no other client gets anything", shown(stray));
  }
  if (firstDifference(response, exchange.answer) === undefined && response.length > 0)
    fail(name, "another id between proxy and server", "the client's");
}
