// Keeps requests from endpoints that answer with errors.
//
// Like Envoy's outlier detection, which judges connections here: errors in a row eject at once, success rates
// are compared once in an interval, the n-th ejection lasts n times as long, and no more than a share of the
// endpoints is ejected.
//
// Source: Envoy, docs "Outlier detection".
// Allocates: never.
import { ResponseStatus } from "../../codec/message";
import { clock } from "../clock";
import { OutlierDetection } from "../route/outlier-detection";
import { stats } from "../telemetry/stats";
import { Endpoint } from "./endpoint";

const HUNDRED: u32 = 100;

export class OutlierEjection {
  /** Endpoints that get no requests. */
  ejected: u32 = 0;
  private comparedMs: u64;

  constructor(
    private readonly settings: OutlierDetection,
    private readonly endpoints: Array<Endpoint>,
  ) {
    this.comparedMs = clock.nowMs;
  }

  /** A response, or none in time. True: the endpoint has just been ejected. */
  onResult(endpoint: Endpoint, status: ResponseStatus): bool {
    const settings = this.settings;
    endpoint.responses++;
    const isError =
      status == ResponseStatus.Error ||
      (status == ResponseStatus.BusinessError && settings.countBusinessErrors);
    if (!isError) {
      endpoint.errorsInARow = 0;
      return false;
    }
    endpoint.errors++;
    endpoint.errorsInARow++;
    if (settings.consecutiveErrors == 0) return false;
    if (endpoint.errorsInARow < settings.consecutiveErrors) return false;
    return this.eject(endpoint);
  }

  private eject(endpoint: Endpoint): bool {
    if (endpoint.isEjected) return false;
    const count = <u32>this.endpoints.length;
    const most = max<u32>(1, (count * this.settings.maxEjectionPercent) / HUNDRED);
    if (this.ejected >= most) {
      stats.outlierOverflow++;
      return false;
    }
    const settings = this.settings;
    endpoint.ejections++;
    const duration = <u64>settings.baseEjectionMs * <u64>endpoint.ejections;
    endpoint.ejectedUntilMs = clock.nowMs + min<u64>(duration, settings.maxEjectionMs);
    endpoint.errorsInARow = 0;
    this.ejected++;
    stats.outlierEjected++;
    return true;
  }

  /** Whether so many are ejected that they are used all the same. */
  get isPanicking(): bool {
    const count = <u32>this.endpoints.length;
    if (this.ejected == 0 || count == 0) return false;
    return (count - this.ejected) * HUNDRED < count * this.settings.panicPercent;
  }

  /** Once a second. True: an endpoint was ejected, or is not any more. */
  tick(): bool {
    const now = clock.nowMs;
    let isChanged = this.readmit(now, false);
    if (now - this.comparedMs < <u64>this.settings.intervalMs) return isChanged;
    this.comparedMs = now;
    if (this.settings.stdevFactor > 0 && this.compare()) isChanged = true;
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = unchecked(this.endpoints[i]);
      // An interval without trouble makes up for one ejection.
      if (!endpoint.isEjected && endpoint.errors == 0 && endpoint.ejections > 0) {
        endpoint.ejections--;
      }
      endpoint.responses = 0;
      endpoint.errors = 0;
    }
    return isChanged;
  }

  /** Ends ejections: those whose time has come, or all. */
  readmit(now: u64, all: bool): bool {
    let isChanged = false;
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = unchecked(this.endpoints[i]);
      if (!endpoint.isEjected || (!all && now < endpoint.ejectedUntilMs)) continue;
      endpoint.ejectedUntilMs = 0;
      this.ejected--;
      isChanged = true;
    }
    return isChanged;
  }

  /** It is forgotten. */
  onForgotten(endpoint: Endpoint): void {
    if (endpoint.isEjected) this.ejected--;
  }

  private compare(): bool {
    const settings = this.settings;
    let hosts: u32 = 0;
    let sum: f64 = 0;
    let squares: f64 = 0;
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = unchecked(this.endpoints[i]);
      if (!this.isJudged(endpoint)) continue;
      const rate = successRate(endpoint);
      hosts++;
      sum += rate;
      squares += rate * rate;
    }
    if (hosts < settings.minimumHosts) return false;
    const mean = sum / <f64>hosts;
    const variance = max<f64>(0, squares / <f64>hosts - mean * mean);
    const least = mean - (sqrt(variance) * <f64>settings.stdevFactor) / 1000;
    let isChanged = false;
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = unchecked(this.endpoints[i]);
      if (!this.isJudged(endpoint) || successRate(endpoint) >= least) continue;
      if (this.eject(endpoint)) isChanged = true;
    }
    return isChanged;
  }

  private isJudged(endpoint: Endpoint): bool {
    return !endpoint.isEjected && endpoint.responses >= this.settings.requestVolume;
  }
}

function successRate(endpoint: Endpoint): f64 {
  return <f64>(endpoint.responses - endpoint.errors) / <f64>endpoint.responses;
}
