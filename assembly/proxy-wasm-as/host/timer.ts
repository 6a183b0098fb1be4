// The one timer of a plugin context.
// Spec: proxy-wasm ABI 0.2.1, chapter "Timers". Each period PluginContext.onTick is called.
// Allocates: never.

import { proxy_set_tick_period_milliseconds } from "../abi/env";
import { Status } from "../abi/enums";

/**
 * Sets the tick period of the current plugin context, 0 stops the ticks. Of a timer that runs, the tick
 * that is already set still comes at its old time.
 */
export function setTickPeriod(periodMs: u32): Status {
  return <Status>proxy_set_tick_period_milliseconds(periodMs);
}
