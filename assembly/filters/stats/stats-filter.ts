// Filter metaproto.filters.stats: counts requests by route configuration, route, cluster and method, and as
// Istio's standard metrics do.
//
// Host calls per request: none. Everything is counted in memory and told once a second (metric-writer.ts). The
// client's principal, for Istio's metrics of a destination, is asked for once for a connection.
// Allocates: when a series begins, in number bounded by MAX_SERIES and MAX_ISTIO_SERIES.
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { PeerWorkload } from "../../filter/peer-workload";
import { ResponseFlag } from "../../filter/response-flag";
import { StaticText } from "../../wire/static-text";
import { DEFAULT_ENDS } from "./buckets";
import { responseCode } from "./istio-labels";
import {
  ACTIVE,
  CALLS_PER_TICK,
  ISTIO_DURATION,
  istioValues,
  MetricWriter,
  REQUEST_BYTES,
  REQUESTS,
  RESPONSE_BYTES,
  RETRIES,
  ROUTE_DURATION,
  routeValues,
} from "./metric-writer";
import { Methods } from "./methods";
import { histogramValues, Series, SeriesKey } from "./series";
import { SeriesTable } from "./series-table";
import { decodeStatsConfig, StatsConfig } from "./stats-config";

/** Route configurations x routes x clusters x methods; further ones are `other`. */
const MAX_SERIES: u32 = 1024;
/** Services x codes x flags x principals x workloads of peers; further ones are `unknown`. */
const MAX_ISTIO_SERIES: u32 = 256;
/** Metrics that the host is told of; then there are no further series. */
const MAX_METRICS: u32 = 131072;

const TOLD_MS: u64 = 1000;
const OUTDATED_MS: u64 = 60 * 1000;
const MICROSECOND_NS: u64 = 1000;
const THOUSANDTHS: u64 = 1000;

/** What there is none of. */
const NONE = new StaticText("-");
const OTHER = new StaticText("other");

export class StatsFilter extends Filter {
  private readonly routes: SeriesTable = new SeriesTable(MAX_SERIES);
  private readonly istio: SeriesTable = new SeriesTable(MAX_ISTIO_SERIES);
  private readonly methods: Methods = new Methods();
  /** Those that were made last, and those that series refer to. */
  private configs: StatsConfig[] = [];
  private readonly key: SeriesKey = new SeriesKey();
  /** Of a series that is given up, while the other is that of the series that comes. */
  private readonly shown: SeriesKey = new SeriesKey();
  private readonly name_: Slice = new Slice();
  private readonly writer: MetricWriter = new MetricWriter();
  /** When telling began, and how far it is. */
  private toldMs: u64 = 0;
  private isTelling: bool = false;
  private isTellingIstio: bool = false;
  private position: usize = 0;
  private outdatedMs: u64 = 0;

  constructor() {
    super("metaproto.filters.stats");
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    this.writer.setProtocol(filterHost().protocol);
    const used: StatsConfig[] = [];
    for (let i = 0; i < this.configs.length; i++) {
      const config = this.configs[i];
      if (config.isOf(ptr, len)) return config;
      config.isKept = config.series > 0;
      if (config.isKept) used.push(config);
    }
    const config = decodeStatsConfig(ptr, len, setup);
    if (config === null) return null;
    config.isKept = true;
    used.push(config);
    this.configs = used;
    return config;
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const stats = changetype<StatsConfig>(config);
    const series = this.seriesOf(call, stats, this.readMethod(call, stats));
    series.add(REQUESTS, 1);
    series.add(ACTIVE, 1);
    series.active++;
    touch(series);
    store<usize>(call.slot, changetype<usize>(series));
    // Asked while the client is there, once for its connection.
    const istio = stats.istio;
    if (istio !== null && istio.isDestination) call.sourcePrincipal(this.name_);
    return FilterStatus.Continue;
  }

  override onEnd(call: Call, config: FilterConfig): void {
    const stats = changetype<StatsConfig>(config);
    const microseconds = (call.endNs - call.startNs) / MICROSECOND_NS;
    const at = load<usize>(call.slot);
    const series = at == 0 ? this.refused(call, stats) : changetype<Series>(at);
    if (at != 0) {
      series.add(ACTIVE, u64.MAX_VALUE);
      series.active--;
    }
    series.add(REQUEST_BYTES, call.requestBytes);
    series.add(RESPONSE_BYTES, call.responseBytes);
    if (call.tries > 1) series.add(RETRIES, call.tries - 1);
    // Nothing answers a one-way request that was sent, and so it takes no time.
    if (!call.isOneway || call.flag != ResponseFlag.None) {
      series.respond(call.status, call.flag);
      series.observe(ROUTE_DURATION, stats.ends, microseconds);
    }
    touch(series);
    if (stats.istio !== null) this.countForIstio(call, stats, microseconds);
  }

  /** A request that was answered before filters saw it: nothing more is known of it. */
  private refused(call: Call, stats: StatsConfig): Series {
    const hasMethods = stats.methodAttribute.length > 0;
    setText(this.key.part3, NONE);
    if (!hasMethods) this.key.part3.len = 0;
    const series = this.seriesOf(call, stats, false);
    series.add(REQUESTS, 1);
    return series;
  }

  /** Sets the last part of the key; true: it is a method's name. */
  private readMethod(call: Call, stats: StatsConfig): bool {
    const method = this.key.part3;
    const attribute = stats.methodAttribute;
    method.len = 0;
    if (attribute.length == 0) return false;
    this.name_.ptr = changetype<usize>(attribute);
    this.name_.len = <u32>attribute.length;
    if (call.attribute(stats.methodId, this.name_, method) && method.len > 0) return true;
    setText(method, NONE);
    return false;
  }

  private seriesOf(call: Call, stats: StatsConfig, isMethod: bool): Series {
    const key = this.key;
    key.config = changetype<usize>(stats);
    key.code = 0;
    key.flag = ResponseFlag.None;
    copyOr(key.part0, call.tableName, NONE);
    copyOr(key.part1, call.routeName, NONE);
    copyOr(key.part2, call.clusterName, NONE);
    const at = this.routes.find(key, key.seal());
    return at != 0 ? changetype<Series>(at) : this.beginRoute(stats, isMethod);
  }

  private beginRoute(stats: StatsConfig, isMethod: bool): Series {
    const key = this.key;
    const method = key.part3;
    let isRetained = isMethod;
    if (isMethod && !this.admits(stats)) {
      setText(method, OTHER);
      isRetained = false;
      const at = this.routes.find(key, key.seal());
      if (at != 0) return changetype<Series>(at);
    }
    if (!this.makeRoom(this.routes)) {
      setText(key.part0, OTHER);
      setText(key.part1, OTHER);
      setText(key.part2, OTHER);
      if (method.len > 0) setText(method, OTHER);
      isRetained = false;
      const at = this.routes.find(key, key.seal());
      if (at != 0) return changetype<Series>(at);
    }
    if (isRetained) this.methods.retain(key.config, key.part0, method);
    return this.add(this.routes, key.create(routeValues(stats)), stats);
  }

  /** Whether the method at hand may have series, be it in the place of one that nobody uses any more. */
  private admits(stats: StatsConfig): bool {
    const key = this.key;
    const most = stats.maxMethods;
    if (this.methods.admits(key.config, key.part0, key.part3, most)) return true;
    const unused = this.routes.replaceable(filterHost().nowMs, key);
    if (unused == 0) return false;
    this.forget(this.routes, changetype<Series>(unused));
    return this.methods.admits(key.config, key.part0, key.part3, most);
  }

  private countForIstio(call: Call, stats: StatsConfig, microseconds: u64): void {
    const key = this.key;
    key.config = changetype<usize>(stats);
    key.code = responseCode(call.status, call.flag);
    key.flag = call.flag;
    key.part0.ptr = call.clusterName.ptr;
    key.part0.len = call.clusterName.len;
    key.part1.len = 0;
    key.part2.len = 0;
    key.part3.len = 0;
    const istio = stats.istio;
    if (istio === null) return;
    if (istio.isDestination && !call.sourcePrincipal(key.part1)) key.part1.len = 0;
    if (call.peer != 0) {
      const peer = changetype<PeerWorkload>(call.peer);
      peer.names(key.part2);
      peer.app(key.part3);
    }
    const at = this.istio.find(key, key.seal());
    const series = at != 0 ? changetype<Series>(at) : this.beginIstio(stats);
    series.add(REQUESTS, 1);
    series.observe(ISTIO_DURATION, stats.ends, microseconds);
    const index = ISTIO_DURATION + histogramValues(stats.ends);
    series.observe(index, DEFAULT_ENDS, <u64>call.requestBytes * THOUSANDTHS);
    const next = index + histogramValues(DEFAULT_ENDS);
    series.observe(next, DEFAULT_ENDS, <u64>call.responseBytes * THOUSANDTHS);
    touch(series);
  }

  private beginIstio(stats: StatsConfig): Series {
    const key = this.key;
    if (!this.makeRoom(this.istio)) {
      key.part0.len = 0;
      key.part1.len = 0;
      key.part2.len = 0;
      key.part3.len = 0;
      const at = this.istio.find(key, key.seal());
      if (at != 0) return changetype<Series>(at);
    }
    return this.add(this.istio, key.create(istioValues(stats)), stats);
  }

  private add(table: SeriesTable, series: Series, stats: StatsConfig): Series {
    table.add(series);
    stats.series++;
    if (!stats.isKept) {
      stats.isKept = true;
      this.configs.push(stats);
    }
    return series;
  }

  /** False: another series would be one too many. */
  private makeRoom(table: SeriesTable): bool {
    if (this.writer.defined >= MAX_METRICS) return false;
    if (table.hasRoom) return true;
    const at = table.replaceable(filterHost().nowMs, null);
    if (at == 0) return false;
    this.forget(table, changetype<Series>(at));
    return true;
  }

  private forget(table: SeriesTable, series: Series): void {
    const shown = this.shown;
    shown.show(series);
    this.methods.release(series.config, shown.part0, shown.part3);
    changetype<StatsConfig>(series.config).series--;
    if (this.position == changetype<usize>(series)) this.position = series.next;
    table.remove(series);
    series.free();
  }

  override onTick(nowMs: u64): void {
    if (!this.isTelling) {
      if (nowMs - this.toldMs < TOLD_MS) return;
      this.toldMs = nowMs;
      this.isTelling = true;
      this.isTellingIstio = false;
      this.position = this.routes.first;
    }
    this.writer.calls = 0;
    this.tell();
    if (this.isTelling || nowMs - this.outdatedMs < OUTDATED_MS) return;
    this.outdatedMs = nowMs;
    this.forgetOutdated(this.routes, nowMs);
    this.forgetOutdated(this.istio, nowMs);
  }

  override get needsTicks(): bool {
    return this.isTelling;
  }

  /** As far as one tick allows. */
  private tell(): void {
    const writer = this.writer;
    while (writer.calls < CALLS_PER_TICK) {
      if (this.position == 0) {
        this.isTelling = !this.isTellingIstio;
        if (!this.isTelling) return;
        this.isTellingIstio = true;
        this.position = this.istio.first;
        continue;
      }
      const series = changetype<Series>(this.position);
      if (series.isChanged) {
        const isTold = this.isTellingIstio ? writer.tellIstio(series) : writer.tellRoute(series);
        if (!isTold) return;
      }
      this.position = series.next;
    }
  }

  private forgetOutdated(table: SeriesTable, nowMs: u64): void {
    for (let at = table.outdated(nowMs); at != 0; at = table.outdated(nowMs)) {
      this.forget(table, changetype<Series>(at));
    }
  }
}

function touch(series: Series): void {
  series.usedMs = filterHost().nowMs;
  series.isChanged = true;
}

function setText(slice: Slice, text: StaticText): void {
  slice.ptr = text.ptr;
  slice.len = text.len;
}

function copyOr(to: Slice, from: Slice, otherwise: StaticText): void {
  to.ptr = from.len > 0 ? from.ptr : otherwise.ptr;
  to.len = from.len > 0 ? from.len : otherwise.len;
}
