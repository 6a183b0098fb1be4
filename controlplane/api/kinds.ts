import type { ResourceEnvelope } from "./resource.js";

export type Resource = ResourceEnvelope<string, unknown>;
