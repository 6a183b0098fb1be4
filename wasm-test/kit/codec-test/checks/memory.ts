// At steady state nothing is allocated.
import { type Check, plural } from "../check.js";
import { fail } from "../failure.js";

const WARM_UP = 300;
const MESSAGES = 6_000;

export const memory: Check = {
  name: "memory",
  run: (bench) => {
    const talk = bench.conversation();
    const { exchanges } = bench;
    const others = bench.framesOf("client", "oneway", "heartbeat");
    let before = 0;
    const rounds = Math.ceil(MESSAGES / Math.max(1, exchanges.length + others.length));
    const warm = Math.ceil((rounds * WARM_UP) / MESSAGES);
    bench.needExchange();
    for (let round = 0; round < rounds + warm; round++) {
      if (round === warm) before = talk.proxy.memoryBytes;
      for (const exchange of exchanges) {
        talk.reopen();
        talk.exchange(exchange);
      }
      for (const { bytes } of others) {
        talk.reopen();
        talk.send(bytes);
      }
    }
    const grown = talk.proxy.memoryBytes - before;
    if (grown > 0) fail("all frames", "no growth of the memory", `${grown >> 10} KiB more`);
    return `${plural(rounds * (exchanges.length + others.length), "message")}, no growth`;
  },
};
