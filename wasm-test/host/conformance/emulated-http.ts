// An HTTP scenario in the test host.

import { TestHost } from "../index.js";
import { clientLine, PATH, serverBody, serverLine, type HttpScenario } from "./http-scenarios.js";
import { normalize, type Transcript } from "./transcript.js";

export function runEmulatedHttp(scenario: HttpScenario, module: WebAssembly.Module): Transcript {
  const host = new TestHost({ module, pluginName: "probe", pluginConfiguration: "probe" });
  host.logs.length = 0;
  const server: string[] = [];
  const { body = [] } = scenario;
  const exchange = host.request(
    {
      headers: [
        [":method", body.length > 0 ? "POST" : "GET"],
        [":path", PATH],
        [":authority", "probe"],
        ...Object.entries(scenario.commands),
      ],
      body: body.map((piece) => Buffer.from(piece)),
    },
    (request) => {
      const text = Buffer.from(request.body).toString();
      server.push(serverLine(request.headers.get("x-tag"), text));
      return { headers: [[":status", "200"]], body: Buffer.from(serverBody(text)) };
    },
  );
  host.runUntilIdle();
  const { response } = exchange;
  const client: string[] = [];
  if (exchange.wasReset) client.push("reset");
  if (response !== undefined) {
    const status = Number(response.headers.get(":status"));
    const text = Buffer.from(response.body).toString();
    client.push(clientLine(status, response.headers.get("x-tag"), text));
  }
  return { module: normalize(host.logged()), client, server };
}
