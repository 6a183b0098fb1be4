// The rig itself: a kube-apiserver that keeps what it is told, over a crash too.
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { ApiServer } from "./support/api-server.js";
import { ISTIO_CRDS, missingRig } from "./support/rig-binaries.js";

describeWith("a kube-apiserver", [missingRig("etcd", "kube-apiserver")], () => {
  let server: ApiServer | undefined;

  beforeAll(async () => {
    server = await ApiServer.start();
  });

  afterAll(() => server?.stop());

  test("takes Istio's custom resources", async () => {
    await server?.install(ISTIO_CRDS);
    const path = "/apis/networking.istio.io/v1/serviceentries";
    await waitUntil("ServiceEntries are served", async () => {
      const answer = await server?.call("GET", path);
      return answer?.status === 200;
    });
  });

  test("keeps objects, also when it is killed", async () => {
    if (server === undefined) throw new Error("not started");
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } };
    const created = await server.call("POST", "/api/v1/namespaces", namespace);
    expect(created).toMatchObject({ status: 201, body: { metadata: { name: "demo" } } });
    await server.kill();
    await server.restart();
    expect(await server.call("GET", "/api/v1/namespaces/demo")).toMatchObject({ status: 200 });
  });
});
