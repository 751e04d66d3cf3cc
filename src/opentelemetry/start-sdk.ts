/** Starts the SDK of OpenTelemetry for Node, as its environment variables say, unless the process has one already. */
import { errorText } from "../internal/error-text.ts";
import { hasTracerProvider } from "./tracers.ts";

/** An SDK that has been started here. */
export interface StartedSdk {
  /** Sends what there is. */
  shutdown(): Promise<void>;
}

/**
 * Starts it.
 *
 * @returns It; `"registered"` if whoever ran before has registered one, or it is switched off; `"missing"` if it is not
 *   installed.
 * @throws What the SDK throws.
 */
export async function startSdk(): Promise<StartedSdk | "registered" | "missing"> {
  if (hasTracerProvider() || process.env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true")
    return "registered";
  const loaded = await import("@opentelemetry/sdk-node").catch((error: unknown) => {
    if (errorText(error).includes("'@opentelemetry/sdk-node'")) return undefined;
    throw error;
  });
  if (loaded === undefined) return "missing";
  const sdk = new loaded.NodeSDK();
  sdk.start();
  return sdk;
}
