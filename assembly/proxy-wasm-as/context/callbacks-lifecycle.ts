// The exported callbacks of a context's life, and the registration of the plugin.
// Spec: proxy-wasm ABI 0.2.1, chapters "Integration", "Context lifecycle", "Configuration".
// As in all callbacks-*.ts: an id without a context is answered with the neutral value, never a trap.
// Allocates: what the plugin's factory and createStreamContext do; the context table on growth.

// Brings abortWithLog into every module, for asc's `--use abort=...`.
import "../host/abort";
import { refreshLogLevel } from "../host/log";
import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { httpContexts, pluginContexts, streamContexts } from "./context-table";
import { PluginContext } from "./plugin-context";

let factory: ((id: u32) => PluginContext) | null = null;

/** Sets what makes the plugin contexts of this module. Call it at the top level of the entry file. */
export function registerPlugin(create: (id: u32) => PluginContext): void {
  factory = create;
}

/** Marks the module as one for ABI 0.2.1. Never called. */
export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_context_create(contextId: u32, parentContextId: u32): void {
  const frame = enterCallback();
  if (parentContextId == 0) createPluginContext(contextId);
  else createChildContext(contextId, parentContextId);
  leaveCallback(frame);
}

function createPluginContext(id: u32): void {
  const create = factory;
  if (create == null) return;
  const context = create(id);
  context.id = id;
  pluginContexts.set(id, context);
}

function createChildContext(id: u32, parentId: u32): void {
  const plugin = pluginContexts.get(parentId);
  if (plugin == null) return;
  const stream = plugin.createStreamContext(id);
  if (stream != null) {
    stream.id = id;
    // Without room in the table the connection passes through unseen: its callbacks answer Continue.
    if (!streamContexts.set(id, stream)) stream.onDelete();
    return;
  }
  const http = plugin.createHttpContext(id);
  if (http == null) return;
  http.id = id;
  if (!httpContexts.set(id, http)) http.onDelete();
}

export function proxy_on_vm_start(contextId: u32, configurationSize: u32): u32 {
  const frame = enterCallback();
  refreshLogLevel();
  const plugin = pluginContexts.get(contextId);
  const isStarted = plugin == null || plugin.onVmStart(configurationSize);
  leaveCallback(frame);
  return isStarted ? 1 : 0;
}

export function proxy_on_configure(contextId: u32, configurationSize: u32): u32 {
  const frame = enterCallback();
  refreshLogLevel();
  const plugin = pluginContexts.get(contextId);
  const isAccepted = plugin == null || plugin.onConfigure(configurationSize);
  leaveCallback(frame);
  return isAccepted ? 1 : 0;
}

export function proxy_on_done(contextId: u32): u32 {
  const frame = enterCallback();
  const isDone = dispatchDone(contextId);
  leaveCallback(frame);
  return isDone ? 1 : 0;
}

function dispatchDone(id: u32): bool {
  const stream = streamContexts.get(id);
  if (stream != null) return stream.onDone();
  const http = httpContexts.get(id);
  if (http != null) return http.onDone();
  const plugin = pluginContexts.get(id);
  return plugin == null || plugin.onDone();
}

export function proxy_on_log(contextId: u32): void {
  const frame = enterCallback();
  dispatchLog(contextId);
  leaveCallback(frame);
}

function dispatchLog(id: u32): void {
  const stream = streamContexts.get(id);
  if (stream != null) {
    stream.onLog();
    return;
  }
  const http = httpContexts.get(id);
  if (http != null) {
    http.onLog();
    return;
  }
  const plugin = pluginContexts.get(id);
  if (plugin != null) plugin.onLog();
}

export function proxy_on_delete(contextId: u32): void {
  const frame = enterCallback();
  dispatchDelete(contextId);
  leaveCallback(frame);
}

/** Forgets the id first, so that onDelete may put the object back into a pool. */
function dispatchDelete(id: u32): void {
  const stream = streamContexts.get(id);
  if (stream != null) {
    streamContexts.remove(id);
    stream.onDelete();
    return;
  }
  const http = httpContexts.get(id);
  if (http != null) {
    httpContexts.remove(id);
    http.onDelete();
    return;
  }
  const plugin = pluginContexts.get(id);
  if (plugin == null) return;
  pluginContexts.remove(id);
  plugin.onDelete();
}
