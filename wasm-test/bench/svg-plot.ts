// Dot plots as SVG: rows of loads, a mark for each path, a line over its spread. Legible on light and on
// dark pages, and by those who see colours differently: each series has a shape of its own as well.

/** One mark. */
export interface Point {
  readonly series: string;
  readonly value: number;
  /** Ends of the line through the mark. */
  readonly low: number;
  readonly high: number;
}

export interface Row {
  readonly label: string;
  readonly points: readonly Point[];
}

export interface Panel {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Plot {
  readonly title: string;
  /** What marks and lines are. */
  readonly note: string;
  /** Quantity and unit. */
  readonly axis: string;
  readonly scale: "log" | "linear";
  /** Side by side, on the same scale. */
  readonly panels: readonly Panel[];
  /** In the order of the legend. */
  readonly series: readonly string[];
}

const WIDTH = 960;
const MARGIN = 16;
const HEAD = 92;
const FOOT = 44;
const LABEL_CHARACTER = 6.7;
const LANE = 9;
const ROW_GAP = 9;

/** Okabe and Ito's palette, without its yellow. */
const COLOURS = ["#d55e00", "#808080", "#2a8fd0", "#009e73", "#cc79a7", "#e69f00"];

const STYLE = [
  "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#24292f}",
  ".title{font-size:16px;font-weight:600}.panel{font-weight:600}.muted{fill:#57606a}",
  ".page{fill:#ffffff}.grid{stroke:#d0d7de}.row{fill:#8c959f;fill-opacity:.1}",
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.muted{fill:#9198a1}",
  ".page{fill:#0d1117}.grid{stroke:#3d444d}}",
].join("");

/** Where values lie on an axis, from 0 to 1. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`;
}

/** 1500 as 1.5k. */
export function shortNumber(value: number): string {
  const units: readonly (readonly [number, string])[] = [
    [1e6, "M"],
    [1e3, "k"],
  ];
  const [size, suffix] = units.find(([unit]) => value >= unit) ?? [1, ""];
  return `${Number((value / size).toPrecision(3))}${suffix}`;
}

function logScale(values: readonly number[]): Scale {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const first = Math.min(...logs) - 0.05;
  const last = Math.max(...logs, first + 0.5) + 0.05;
  const decades = Array.from({ length: Math.ceil(last) - Math.floor(first) + 1 }, (_, index) => {
    return 10 ** (Math.floor(first) + index);
  });
  const steps = last - first > 2 ? [1] : [1, 2, 5];
  return {
    at: (value) => Math.max(0, (Math.log10(value) - first) / (last - first)),
    ticks: decades
      .flatMap((decade) => steps.map((step) => step * decade))
      .filter((tick) => Math.log10(tick) >= first && Math.log10(tick) <= last),
  };
}

function linearScale(values: readonly number[]): Scale {
  const highest = Math.max(...values, 1e-9);
  const rough = highest / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const count = Math.ceil(highest / step);
  return {
    at: (value) => value / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step),
  };
}

function mark(series: number, x: number, y: number): string {
  const colour = COLOURS[series % COLOURS.length] ?? "#808080";
  const [left, right, top, bottom] = [x - 4, x + 4, y - 4, y + 4].map((at) => at.toFixed(1));
  const [mx, my] = [x.toFixed(1), y.toFixed(1)];
  const shapes = [
    `<circle cx="${mx}" cy="${my}" r="4.2" fill="${colour}"/>`,
    `<path d="M${left} ${top}H${right}V${bottom}H${left}Z" fill="${colour}"/>`,
    `<path d="M${mx} ${top}L${right} ${my}L${mx} ${bottom}L${left} ${my}Z" fill="${colour}"/>`,
    `<path d="M${mx} ${top}L${right} ${bottom}H${left}Z" fill="${colour}"/>`,
    `<path d="M${left} ${top}H${right}L${mx} ${bottom}Z" fill="${colour}"/>`,
    `<circle cx="${mx}" cy="${my}" r="3.2" fill="none" stroke="${colour}" stroke-width="2"/>`,
  ];
  return shapes[series % shapes.length] ?? "";
}

function legend(series: readonly string[]): string {
  let x = MARGIN + 4;
  return series
    .map((name, index) => {
      const entry = mark(index, x, 61) + text(x + 9, 65, name);
      x += 30 + name.length * 6.6;
      return entry;
    })
    .join("");
}

function rowHeight(row: Row): number {
  return row.points.length * LANE + ROW_GAP;
}

function panelHeight(panel: Panel): number {
  return panel.rows.reduce((sum, row) => sum + rowHeight(row), 0);
}

/** What all panels of a plot share. */
interface Frame {
  readonly plot: Plot;
  readonly scale: Scale;
  /** Width of the labels of rows. */
  readonly labels: number;
  /** Width of a panel with its labels. */
  readonly width: number;
}

function drawPoint(plot: Plot, point: Point, x: (value: number) => number, y: number): string {
  const series = plot.series.indexOf(point.series);
  const colour = COLOURS[series % COLOURS.length] ?? "#808080";
  const [low, high] = [x(point.low).toFixed(1), x(point.high).toFixed(1)];
  const [median, from, to] = [point.value, point.low, point.high].map(shortNumber);
  const tip = `<title>${escape(`${point.series}: ${median} (${from} to ${to})`)}</title>`;
  const line = `<path d="M${low} ${y.toFixed(1)}H${high}" stroke="${colour}" stroke-width="2" stroke-opacity=".55"/>`;
  return `<g>${tip}${line}${mark(series, x(point.value), y)}</g>`;
}

function drawPanel({ plot, scale, labels, width }: Frame, panel: Panel, left: number): string {
  const axisLeft = left + labels;
  const axisWidth = width - labels - 22;
  const x = (value: number): number => axisLeft + scale.at(value) * axisWidth;
  const bottom = HEAD + panelHeight(panel);
  const parts = [text(left, HEAD - 8, panel.title, 'class="panel"')];
  for (const tick of scale.ticks) {
    parts.push(`<path class="grid" d="M${x(tick).toFixed(1)} ${HEAD}V${bottom}"/>`);
    parts.push(text(x(tick), bottom + 15, shortNumber(tick), 'class="muted" text-anchor="middle"'));
  }
  const middle = axisLeft + axisWidth / 2;
  parts.push(text(middle, bottom + 33, plot.axis, 'class="muted" text-anchor="middle"'));
  let top = HEAD;
  for (const [index, row] of panel.rows.entries()) {
    const height = rowHeight(row);
    if (index % 2 === 0) {
      parts.push(
        `<rect class="row" x="${left}" y="${top}" width="${width - 8}" height="${height}"/>`,
      );
    }
    parts.push(text(axisLeft - 8, top + height / 2 + 4, row.label, 'text-anchor="end"'));
    for (const [lane, point] of inSeriesOrder(plot, row).entries()) {
      parts.push(drawPoint(plot, point, x, top + ROW_GAP / 2 + LANE * (lane + 0.5)));
    }
    top += height;
  }
  return parts.join("\n");
}

function inSeriesOrder({ series }: Plot, { points }: Row): Point[] {
  return [...points].sort((a, b) => series.indexOf(a.series) - series.indexOf(b.series));
}

function frameOf(plot: Plot, panels: readonly Panel[]): Frame {
  const rows = panels.flatMap((panel) => panel.rows);
  const values = rows.flatMap(({ points }) =>
    points.flatMap(({ low, value, high }) => [low, value, high]),
  );
  const longest = Math.max(0, ...rows.map(({ label }) => label.length));
  return {
    plot,
    scale: plot.scale === "log" ? logScale(values) : linearScale(values),
    labels: 12 + longest * LABEL_CHARACTER,
    width: (WIDTH - 2 * MARGIN) / Math.max(1, panels.length),
  };
}

/** @returns the document. Panels without rows are left out. */
export function plotSvg(plot: Plot): string {
  const panels = plot.panels.filter(({ rows }) => rows.length > 0);
  const height = HEAD + Math.max(0, ...panels.map(panelHeight)) + FOOT;
  const frame = frameOf(plot, panels);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escape(plot.title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}" rx="6"/>`,
    text(MARGIN, 26, plot.title, 'class="title"'),
    text(MARGIN, 44, plot.note, 'class="muted"'),
    legend(plot.series),
    ...panels.map((panel, index) => drawPanel(frame, panel, MARGIN + index * frame.width)),
    "</svg>",
    "",
  ].join("\n");
}
