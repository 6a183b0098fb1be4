// The table of a bench, in Markdown: absolute figures of one run, and ours as ratios to the others'.
import type { Measurement } from "./measure.js";

const HEADER = [
  "| load | protocol | path | CPU us/request | requests/s | p50 us | p99 us | metaproto's CPU is |",
  "|---|---|---|---:|---:|---:|---:|---|",
];

function row(measurement: Measurement, all: readonly Measurement[]): string {
  const { contender } = measurement;
  const own = all.find(
    (other) =>
      other.contender.kind === "ours" &&
      other.contender.protocol === contender.protocol &&
      other.shape === measurement.shape,
  );
  const isComparable = own !== undefined && contender.kind !== "ours" && measurement.faults === 0;
  const ratio = isComparable ? `${(own.cpuUs / measurement.cpuUs).toFixed(2)}x of it` : "";
  const wrong = `not comparable: ${String(measurement.faults)} answers wrong or missing`;
  const cells = [
    measurement.shape,
    contender.protocol,
    contender.name,
    measurement.cpuUs.toFixed(2),
    measurement.rps.toFixed(0),
    measurement.p50Us.toFixed(0),
    measurement.p99Us.toFixed(0),
    measurement.faults > 0 ? wrong : ratio,
  ];
  return `| ${cells.join(" | ")} |`;
}

export function markdownTable(measurements: readonly Measurement[]): string {
  return [...HEADER, ...measurements.map((entry) => row(entry, measurements))].join("\n");
}

/** Where ours is not cheaper than one of Envoy's own protocol filters. */
export function shortfalls(measurements: readonly Measurement[]): string[] {
  return measurements.flatMap((own) => {
    if (own.contender.kind !== "ours") return [];
    return measurements
      .filter(
        (other) =>
          other.contender.kind === "envoy" &&
          other.contender.protocol === own.contender.protocol &&
          other.shape === own.shape &&
          other.faults === 0 &&
          other.cpuUs <= own.cpuUs,
      )
      .map(
        (other) =>
          `${own.shape} ${own.contender.protocol}: ${own.cpuUs.toFixed(2)} us against ` +
          `${other.cpuUs.toFixed(2)} us of ${other.contender.name}`,
      );
  });
}
