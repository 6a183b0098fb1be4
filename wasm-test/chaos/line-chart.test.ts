// A chart shows each value where it belongs.
import { expect, test } from "vitest";
import { lineChart } from "./line-chart.js";

function pointsOf(svg: string): string[] {
  return [...svg.matchAll(/<polyline points="([^"]*)"/g)].map((match) => match[1] ?? "");
}

test("values are at their heights, lines apart from each other", () => {
  const svg = lineChart({
    title: "a < b",
    xTitle: "minutes",
    panels: [
      {
        title: "memory",
        unit: "MiB",
        lines: [
          {
            name: "rss",
            points: [
              [0, 0],
              [10, 100],
            ],
          },
          { name: "heap", points: [[0, 50]] },
        ],
      },
      {
        title: "latency",
        unit: "ms",
        isLogarithmic: true,
        lines: [
          {
            name: "p99",
            points: [
              [0, 1],
              [5, 10],
              [10, 100],
            ],
          },
        ],
      },
    ],
  });
  expect(svg).toContain("a &lt; b");
  // 70 to 730 across; the first panel from 63 down to 213, the second from 259 to 409.
  expect(pointsOf(svg)).toEqual([
    "70.0,213.0 730.0,63.0",
    "70.0,138.0",
    "70.0,409.0 400.0,334.0 730.0,259.0",
  ]);
});

test("no values make an empty chart", () => {
  const empty = { title: "", xTitle: "", panels: [{ title: "", unit: "", lines: [] }] };
  expect(lineChart(empty)).not.toContain("NaN");
});
