// Line charts as SVG, one panel above the other over a common time axis; knows nothing of what it draws.

export interface Line {
  readonly name: string;
  /** Pairs of x (as the axis) and y (as the panel); gaps are left out. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Panel {
  readonly title: string;
  /** What the numbers at the axis are. */
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Powers of ten at even distances. Values of 0 are then drawn at the bottom. */
  readonly isLogarithmic?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly panels: readonly Panel[];
}

const WIDTH = 860;
const PANEL_HEIGHT = 150;
const GAP = 46;
const LEFT = 70;
const RIGHT = 130;
const TOP = 40;
/** Told apart also by those who see few colours (Okabe and Ito). */
const COLOURS = ["#2a8fd0", "#d55e00", "#009e73", "#cc79a7", "#808080"];

/** Legible on light and on dark pages. */
const STYLE = [
  "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#24292f}",
  ".head{font-size:16px;font-weight:600}.title{font-weight:600}.tick{font-size:11px}",
  ".page{fill:#ffffff}.grid{stroke:#d0d7de}",
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.grid{stroke:#3d444d}}",
].join("");

interface Scale {
  readonly ticks: readonly number[];
  /** 0 at the lower end, 1 at the upper one. */
  readonly at: (value: number) => number;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** 1, 2 or 5 times a power of ten, such that about `count` of them fit. */
function step(range: number, count: number): number {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
}

function linear(most: number): Scale {
  const size = step(Math.max(most, 1e-9), 4);
  const top = Math.max(size, Math.ceil(most / size) * size);
  const count = Math.round(top / size);
  const ticks = Array.from({ length: count + 1 }, (_, index) => index * size);
  return { ticks, at: (value) => value / top };
}

function logarithmic(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(1, ...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1, ...positive))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return {
    ticks,
    at: (value) => (value <= 0 ? 0 : (Math.log10(value) - low) / (high - low)),
  };
}

function label(value: number): string {
  return Number(value.toPrecision(6)).toLocaleString("en");
}

function panel(drawn: Panel, top: number, x: Scale): string {
  const values = drawn.lines.flatMap(({ points }) => points.map(([, value]) => value));
  const y = drawn.isLogarithmic === true ? logarithmic(values) : linear(Math.max(0, ...values));
  const width = WIDTH - LEFT - RIGHT;
  const px = (value: number): string => (LEFT + x.at(value) * width).toFixed(1);
  const py = (value: number): string => (top + (1 - y.at(value)) * PANEL_HEIGHT).toFixed(1);
  const parts = [
    `<text x="${String(LEFT)}" y="${String(top - 8)}" class="title">${escape(drawn.title)} (${escape(drawn.unit)})</text>`,
  ];
  for (const tick of y.ticks) {
    parts.push(
      `<line x1="${String(LEFT)}" x2="${String(LEFT + width)}" y1="${py(tick)}" y2="${py(tick)}" class="grid"/>`,
      `<text x="${String(LEFT - 6)}" y="${py(tick)}" class="tick" text-anchor="end" dominant-baseline="middle">${label(tick)}</text>`,
    );
  }
  for (const [index, line] of drawn.lines.entries()) {
    const colour = COLOURS[index % COLOURS.length] ?? "";
    const points = line.points.map(([at, value]) => `${px(at)},${py(value)}`).join(" ");
    const name = { x: LEFT + width + 10, y: top + 10 + 18 * index };
    parts.push(
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.3"/>`,
      `<text x="${String(name.x)}" y="${String(name.y)}" style="fill:${colour}">${escape(line.name)}</text>`,
    );
  }
  return parts.join("\n");
}

/** The whole picture; x begins at 0. */
export function lineChart(chart: Chart): string {
  const xs = chart.panels.flatMap(({ lines }) =>
    lines.flatMap(({ points }) => points.map(([x]) => x)),
  );
  const x = linear(Math.max(1e-9, ...xs));
  const bottom = TOP + GAP / 2 + chart.panels.length * (PANEL_HEIGHT + GAP) - GAP;
  const width = WIDTH - LEFT - RIGHT;
  const ticks = x.ticks.map((tick) => {
    const at = (LEFT + x.at(tick) * width).toFixed(1);
    return `<text x="${at}" y="${String(bottom + 18)}" class="tick" text-anchor="middle">${label(tick)}</text>`;
  });
  const panels = chart.panels.map((one, index) =>
    panel(one, TOP + GAP / 2 + index * (PANEL_HEIGHT + GAP), x),
  );
  const height = bottom + 44;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}">
<style>${STYLE}</style>
<rect class="page" width="100%" height="100%" rx="6"/>
<text x="${String(LEFT)}" y="22" class="head">${escape(chart.title)}</text>
${[...panels, ...ticks].join("\n")}
<text x="${String(LEFT + width / 2)}" y="${String(bottom + 36)}" class="tick" text-anchor="middle">${escape(chart.xTitle)}</text>
</svg>
`;
}
