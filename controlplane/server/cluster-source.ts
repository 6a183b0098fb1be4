import type { Configuration } from "../api/configuration.js";
import type { ClusterSnapshot, KubernetesStore } from "../stores/kubernetes/kubernetes-store.js";
import type { ConfigurationSource } from "./configuration-source.js";

/** A cluster as the source of a control plane, which begins when everything is listed. */
export class ClusterSource implements ConfigurationSource {
  private first: ((configuration: Configuration) => void) | undefined;
  private current: ClusterSnapshot | undefined;

  constructor(private readonly store: KubernetesStore) {}

  /** Undefined before the first one. */
  get snapshot(): ClusterSnapshot | undefined {
    return this.current;
  }

  onSnapshot(listener: (configuration: Configuration) => void): unknown {
    return this.store.onSnapshot((snapshot) => {
      this.current = snapshot;
      listener(snapshot.configuration);
      this.first?.(snapshot.configuration);
    });
  }

  /** Waits for as long as the cluster cannot be read. */
  start(): Promise<Configuration> {
    return new Promise((resolve) => {
      this.first = resolve;
      this.store.start();
    });
  }

  stop(): Promise<void> {
    return this.store.stop();
  }
}
