// Bytes that are none of the protocol's.
import { type Bench, type Check, plural } from "../check.js";
import { Conversation, expectAlive } from "../conversation.js";
import { fail, shown } from "../failure.js";
import { HASTY, LATE_MS, LINGER_MS } from "../timing.js";
import { seededRandom } from "../../../host/random.js";

const RANDOM_INPUTS = 16;
const RANDOM_BYTES = 200;
interface Input {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Its owner says that no frame begins like this. */
  readonly isForeign: boolean;
}

export const garbage: Check = {
  name: "garbage",
  run: (bench) => {
    const inputs = inputsOf(bench);
    bench.each(inputs, (input) => fromClient(bench, input));
    bench.each(inputs, (input) => fromServer(bench, input));
    const declared = bench.captures.garbage.length;
    return `${plural(inputs.length, "input")} from either side, ${declared} of them to be refused at once`;
  },
};

function inputsOf(bench: Bench): Input[] {
  const random = seededRandom(bench.seed);
  const others: readonly (readonly [string, Uint8Array])[] = [
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
    ["a TLS ClientHello", Buffer.from(`16030100c8010000c40303${"5a".repeat(189)}`, "hex")],
    ["zeros", new Uint8Array(RANDOM_BYTES)],
    ["ones", new Uint8Array(RANDOM_BYTES).fill(0xff)],
    ...Array.from({ length: RANDOM_INPUTS }, (_, index): [string, Uint8Array] => [
      `random bytes ${index}`,
      Uint8Array.from({ length: RANDOM_BYTES }, () => Math.floor(random() * 256)),
    ]),
  ];
  return [
    ...bench.captures.garbage.map((bytes, index) => ({
      name: `garbage[${index}]`,
      bytes: Buffer.concat([bytes, new Uint8Array(64)]),
      isForeign: true,
    })),
    ...others.map(([name, bytes]) => ({ name, bytes, isForeign: false })),
  ];
}

/** The connection closes, or goes on: it does not wait for ever for what will never come. */
function fromClient(bench: Bench, input: Input): void {
  if (input.isForeign) refusedAtOnce(bench, input);
  const { name, bytes } = input;
  const proxy = bench.proxy({ plugin: HASTY });
  const talk = new Conversation(proxy);
  const { server } = talk.send(bytes);
  // What was taken for a request gets no answer.
  if (server.length > 0)
    for (const connection of proxy.service.server.openConnections) connection.reset();
  proxy.advance(LATE_MS);
  talk.visible();
  expectAlive(proxy, bench.usual);
  if (talk.client.closed) return;
  const { request } = bench.usual;
  const next = talk.send(request.bytes);
  if (next.server.length === 0 && next.client.length === 0 && !next.isClosed)
    fail(name, "the connection closes in time, or takes a request", "neither");
}

function refusedAtOnce(bench: Bench, { name, bytes }: Input): void {
  const talk = bench.conversation();
  const { server } = talk.send(bytes);
  if (server.length > 0) fail(name, "the server gets nothing", shown(server));
  talk.proxy.advance(LINGER_MS);
  if (!talk.client.closed) fail(name, "the connection is closed at once", "it is open");
}

/** The client gets an error, or its connection closes. */
function fromServer(bench: Bench, { name, bytes, isForeign }: Input): void {
  const proxy = bench.proxy({ plugin: HASTY });
  const talk = new Conversation(proxy);
  const place = `${name}, from the server`;
  talk.send(bench.usual.request.bytes);
  const connection = proxy.service.latest;
  const { client } = talk.answer(bytes);
  if (isForeign && connection.isOpen)
    fail(place, "the server's connection is closed", "it is open");
  proxy.advance(LATE_MS);
  const later = talk.visible();
  if (client.length === 0 && later.client.length === 0 && !later.isClosed)
    fail(place, "the client gets an answer, or its connection closes", "neither");
  expectAlive(proxy, bench.usual);
}
