/**
 * The tracer in use: that of the provider given, or of whichever SDK the process has registered by now. Makes no spans,
 * and says `undefined` where they would come to nothing.
 */
import { ProxyTracerProvider, type Tracer, type TracerProvider, trace } from "@opentelemetry/api";
import { version } from "../wire/version.ts";

/** The name under which the spans and metrics of this package are known. */
export const SCOPE = "merino";

/** What the API delegates to while no SDK is registered. */
const NONE = new ProxyTracerProvider().getDelegate();

/** Looks for the tracer. */
export class Tracers {
  readonly #given: TracerProvider | undefined;
  #provider: TracerProvider | undefined;
  #tracer: Tracer | undefined;

  /** @param given Absent: the global provider, whichever it is at the time. */
  constructor(given: TracerProvider | undefined) {
    this.#given = given;
  }

  /** The tracer; undefined while no SDK is registered. Asked for every call. */
  current(): Tracer | undefined {
    const provider = this.#given ?? registeredProvider();
    if (provider !== this.#provider) {
      this.#provider = provider;
      this.#tracer = isNone(provider) ? undefined : provider.getTracer(SCOPE, version);
    }
    return this.#tracer;
  }
}

/** Whether an SDK is registered that makes spans. */
export function hasTracerProvider(): boolean {
  return !isNone(registeredProvider());
}

function registeredProvider(): TracerProvider {
  const provider = trace.getTracerProvider();
  return "getDelegate" in provider ? (provider as ProxyTracerProvider).getDelegate() : provider;
}

/** The API's own provider does nothing; with several copies of the API in the process, that of another one as well. */
function isNone(provider: TracerProvider): boolean {
  return provider === NONE || provider.constructor.name === "NoopTracerProvider";
}
