// Signs of life: of clients, of servers, and our own.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import { type Conversation, NOTHING } from "../conversation.js";
import { expectBytes, fail, shown } from "../failure.js";

const PROBING = { upstreamHeartbeat: "1s", upstreamIdleTimeout: "3600s" };
const PROBE_MS = 2_500;
const ROUNDS = 5;

export const heartbeats: Check = {
  name: "heartbeats",
  run: (bench) => {
    const recorded = bench.framesOf("client", "heartbeat");
    bench.each(recorded, ({ name, bytes }) => expectAnswered(bench, name, bytes));
    let probe: Uint8Array = NOTHING;
    bench.attempt(() => {
      probe = probeOf(bench);
      if (probe.length > 0) expectProbes(bench, probe);
    });
    if (recorded.length === 0 && probe.length === 0)
      throw new NotApplicable("none is recorded, and the module sends none of its own");
    const own = probe.length > 0 ? "one of its own, which it understands" : "none of its own";
    return `${plural(recorded.length, "recorded heartbeat")}; ${own}`;
  },
};

/** The proxy answers; what it answers is understood as such. */
function expectAnswered(bench: Bench, name: string, bytes: Uint8Array): Uint8Array {
  const talk = bench.conversation();
  const { server, client, isClosed } = talk.send(bytes);
  expectBytes(name, "the server gets", NOTHING, server);
  if (client.length === 0) fail(name, "an answer", isClosed ? "the connection closed" : "nothing");
  talk.exchange(bench.usual);
  expectSwallowed(bench, `the answer to ${name}`, bench.conversation(), client);
  return client;
}

/** From the server, behind a request: nobody gets it, and the response behind it is understood. */
function expectSwallowed(bench: Bench, name: string, talk: Conversation, bytes: Uint8Array): void {
  const { request, response, answer } = bench.usual;
  talk.send(request.bytes);
  const { server, client } = talk.answer(bytes);
  if (server.length > 0) fail(name, "no answer to it", shown(server));
  expectBytes(name, "the client gets", NOTHING, client);
  expectBytes(name, "the response behind it is", answer, talk.answer(response.bytes).client);
}

/** What a server gets that has had nothing to do for long; nothing: the module sends none. */
function probeOf(bench: Bench): Uint8Array {
  const talk = bench.conversation({ plugin: PROBING });
  talk.exchange(bench.usual);
  talk.proxy.advance(PROBE_MS);
  return talk.proxy.service.arrivals()[0]?.bytes ?? NOTHING;
}

function expectProbes(bench: Bench, probe: Uint8Array): void {
  const name = "a heartbeat of the module's own";
  const reply = expectAnswered(bench, name, probe);
  const talk = bench.conversation({ plugin: PROBING });
  talk.exchange(bench.usual);
  const connection = talk.proxy.service.latest;
  for (let round = 0; round < ROUNDS; round++) {
    talk.proxy.advance(PROBE_MS);
    if (!connection.isOpen) fail(name, "the connection stays, as it is answered", "it is closed");
    if (talk.proxy.service.take().length > 0) talk.proxy.write(connection, reply);
  }
  talk.exchange(bench.usual);
}
