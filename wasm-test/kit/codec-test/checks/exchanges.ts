// What every other check builds on: a request reaches the server, its response the client.
import { type Check, plural } from "../check.js";
import type { CapturedFrame, Captures } from "../captures.js";
import { Conversation, type Exchange, unchangedIds } from "../conversation.js";
import { expectBytes, fail, firstDifference } from "../failure.js";
import type { Mode, Subject } from "../subject.js";

/** Requests with what clients have to get for them. @throws CheckFailure */
export function measureExchange(
  subject: Subject,
  mode: Mode,
  request: CapturedFrame,
  response: CapturedFrame,
): Exchange {
  const ask = (bytes: Uint8Array): Uint8Array => {
    const talk = new Conversation(subject.start(unchangedIds(mode)));
    const { server } = talk.send(request.bytes);
    expectBytes(request.name, "the server gets the request", request.bytes, server);
    return talk.answer(bytes).client;
  };
  const answer = ask(response.bytes);
  if (answer.length === 0) fail(response.name, "the client gets it", "nothing");
  // Under another id it is another frame, which has to be the same to the codec.
  if (mode === "shared") expectBytes(response.name, "under its new id it is", answer, ask(answer));
  else expectBytes(response.name, "the client gets it as it is", response.bytes, answer);
  return { request, response, answer };
}

/** Every request with its answer; every response that answers none of them, with a request. */
export function pairsOf({
  frames,
}: Captures): readonly (readonly [CapturedFrame, CapturedFrame])[] {
  const find = (name: string | undefined): CapturedFrame | undefined =>
    frames.find((frame) => frame.name === name);
  const pairs: [CapturedFrame, CapturedFrame][] = [];
  for (const request of frames) {
    const response = find(request.answer);
    if (request.kind === "request" && response !== undefined) pairs.push([request, response]);
  }
  const answered = new Set(pairs.map(([, response]) => response));
  const first = pairs[0]?.[0];
  for (const response of frames)
    if (response.kind === "response" && !answered.has(response) && first !== undefined)
      pairs.push([first, response]);
  return pairs;
}

export const exchanges: Check = {
  name: "exchanges",
  run: (bench) => {
    bench.needExchange();
    const same = bench.exchanges.filter(
      ({ response, answer }) => firstDifference(response.bytes, answer) === undefined,
    ).length;
    return `${plural(bench.exchanges.length, "exchange")}, ${same} with a response byte for byte`;
  },
};
