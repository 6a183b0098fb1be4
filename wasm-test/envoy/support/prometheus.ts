// What Envoy shows at /stats/prometheus, read as Prometheus reads it.

export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let read = 0;
  for (const [all, name = "", value = ""] of text.matchAll(LABEL)) {
    labels[name] = value.replaceAll(/\\./g, (escape) => ESCAPES[escape] ?? escape);
    read += all.length;
  }
  if (read !== text.length) throw new Error(`labels that Prometheus cannot read: ${text}`);
  return labels;
}

/** @throws Error on a line that Prometheus would refuse, and with it the whole page. */
export function parsePrometheus(page: string): PrometheusSample[] {
  const lines = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, name, labels, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
    return { name, labels: labelsOf(labels ?? ""), value: Number(value) };
  });
}
