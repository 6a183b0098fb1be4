// A watch of client-node's that whoever has started it waits for.
import { type KubeConfig, Watch } from "@kubernetes/client-node";
import { ApiError } from "./api.js";
import type { KubernetesObject } from "./object.js";

export interface AwaitedWatchOptions {
  readonly config: KubeConfig;
  /** Ends it, in whatever state it is. */
  readonly signal: AbortSignal;
  /** The server is asked to end it after this long. */
  readonly seconds: number;
  /** The server has agreed. */
  readonly onOpen: () => void;
  /** What is kept of an object. What it throws ends the watch. */
  readonly read: (object: KubernetesObject) => KubernetesObject;
}

interface Told extends KubernetesObject {
  /** Of errors, which are objects of the kind Status. */
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

type Query = Parameters<Watch["watch"]>[1];
type Tell = Parameters<Watch["watch"]>[2];

const OPEN_TIMEOUT_MS = 30_000;
/** How much longer than agreed a server may keep a watch open. */
const GRACE_SECONDS = 30;

/**
 * For an informer whose `start` is one list, if it needs one, and one watch: it resolves when the watch has ended, and
 * rejects when that has failed. By itself client-node asks for no bookmarks; begins the next watch at once, however short
 * the last one was; passes over errors within the stream; waits for ever for a server that does not answer or goes
 * silent; and cannot be stopped while it waits. It leaves out lines that are no JSON: the next list has what they told.
 */
export class AwaitedWatch extends Watch {
  constructor(private readonly options: AwaitedWatchOptions) {
    super(options.config);
  }

  /** @throws ApiError */
  override async watch(path: string, query: Query, tell: Tell): Promise<AbortController> {
    const { config, signal, seconds, onOpen } = this.options;
    const ended = new AbortController();
    if (signal.aborted) return ended;
    this.config = endingWith(config, ended.signal);
    const asked = { ...query, allowWatchBookmarks: true, timeoutSeconds: seconds };
    await new Promise<void>((resolve, reject) => {
      const end = (error?: unknown): void => {
        clearTimeout(timer);
        ended.abort();
        if (error instanceof Error) reject(ApiError.from(error));
        else resolve();
      };
      const onTooSlow = (): void => {
        end(new ApiError(0, "Timeout", `no answer within ${OPEN_TIMEOUT_MS} ms`));
      };
      let timer = setTimeout(onTooSlow, OPEN_TIMEOUT_MS);
      signal.addEventListener("abort", () => end(), { signal: ended.signal });
      const onEvent = (type: string, object: Told): void => {
        if (ended.signal.aborted) return;
        try {
          tell(type, this.readEvent(type, object));
        } catch (error) {
          end(error);
        }
      };
      super.watch(path, asked, onEvent, end).then(() => {
        if (ended.signal.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(end, (seconds + GRACE_SECONDS) * 1000);
        onOpen();
      }, end);
    });
    return ended;
  }

  private readEvent(type: string, object: Told | undefined): KubernetesObject {
    if (type === "ERROR")
      throw new ApiError(
        object?.code ?? 0,
        object?.reason ?? "",
        object?.message ?? "the watch failed",
      );
    if (typeof object?.metadata !== "object")
      throw new ApiError(0, "", "the watch tells of something that is no object");
    return type === "BOOKMARK" ? object : this.options.read(object);
  }
}

/** A request with it ends with `signal`: its connection is its own. */
function endingWith(config: KubeConfig, signal: AbortSignal): KubeConfig {
  const own = Object.create(config) as KubeConfig;
  own.applyToFetchOptions = async (options) => {
    const init = await config.applyToFetchOptions(options);
    signal.throwIfAborted();
    const { agent } = init;
    if (typeof agent === "object") signal.addEventListener("abort", () => agent.destroy());
    return init;
  };
  return own;
}
