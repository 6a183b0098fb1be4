// What the controller counts of its dealings with a cluster.
import { Counter, Gauge, type Registry } from "prom-client";
import type { Verb } from "../kubernetes/reconciler.js";

const VERBS: readonly Verb[] = ["create", "update", "repair", "delete"];

export class KubernetesMetrics {
  readonly isLeader: Gauge;
  readonly objects: Gauge;
  readonly pending: Gauge;
  readonly unreadable: Gauge;
  readonly otherReplicas: Gauge;
  private readonly reportBytes: Gauge;
  private readonly reportWrites: Counter<"result">;
  private readonly objectWrites: Counter<"verb" | "result">;
  private readonly statusWrites: Counter<"result">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.isLeader = new Gauge({
      name: "metaproto_is_leader",
      help: "1 in the replica that writes to the cluster",
      registers,
    });
    this.objects = new Gauge({
      name: "metaproto_kubernetes_objects",
      help: "Objects in the cluster that are ours",
      registers,
    });
    this.pending = new Gauge({
      name: "metaproto_kubernetes_objects_pending",
      help: "Objects that differ from what they are to be",
      registers,
    });
    this.unreadable = new Gauge({
      name: "metaproto_kubernetes_unreadable_kinds",
      help: "Kinds of resources that cannot be read at this moment",
      registers,
    });
    this.otherReplicas = new Gauge({
      name: "metaproto_other_replicas",
      help: "Other replicas that tell of their proxies",
      registers,
    });
    this.reportBytes = new Gauge({
      name: "metaproto_replica_report_bytes",
      help: "What other replicas were told last of the proxies that are connected to this one",
      registers,
    });
    this.reportWrites = new Counter({
      name: "metaproto_replica_report_writes_total",
      help: "Times that other replicas were told of proxies, or that this replica is alive",
      labelNames: ["result"],
      registers,
    });
    this.objectWrites = new Counter({
      name: "metaproto_kubernetes_object_writes_total",
      help: "Objects written; repair: others had edited them",
      labelNames: ["verb", "result"],
      registers,
    });
    this.statusWrites = new Counter({
      name: "metaproto_kubernetes_status_writes_total",
      help: "Statuses of resources written",
      labelNames: ["result"],
      registers,
    });
    for (const result of ["ok", "error"]) {
      this.statusWrites.inc({ result }, 0);
      this.reportWrites.inc({ result }, 0);
      for (const verb of VERBS) this.objectWrites.inc({ verb, result }, 0);
    }
  }

  countObject(verb: Verb, result: "ok" | "error"): void {
    this.objectWrites.inc({ verb, result });
  }

  countStatus(result: "ok" | "error"): void {
    this.statusWrites.inc({ result });
  }

  /** @param length undefined: it could not be written. */
  countReport(length: number | undefined): void {
    this.reportWrites.inc({ result: length === undefined ? "error" : "ok" });
    if (length !== undefined) this.reportBytes.set(length);
  }
}
