/** Istio's. */
export const DEFAULT_ROOT_NAMESPACE = "istio-system";
