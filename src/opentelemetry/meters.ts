/** The meter in use: that of the provider given, or of whichever SDK the process has registered by now. */
import { type Meter, type MeterProvider, metrics } from "@opentelemetry/api";
import { version } from "../wire/version.ts";
import { SCOPE } from "./tracers.ts";

/**
 * Makes something of a meter, and again when the process registers another one: the API has no stand-in for those that
 * come later, as it has for tracers.
 */
export class Meters<T extends { end(): void }> {
  readonly #given: MeterProvider | undefined;
  readonly #make: (meter: Meter) => T;
  #provider: MeterProvider | undefined;
  #made: T | undefined;

  constructor(given: MeterProvider | undefined, make: (meter: Meter) => T) {
    this.#given = given;
    this.#make = make;
  }

  /** What was made of the meter; undefined while no SDK is registered. Asked for every call. */
  current(): T | undefined {
    const provider = this.#given ?? metrics.getMeterProvider();
    if (provider !== this.#provider) {
      this.end();
      this.#provider = provider;
      if (provider.constructor.name !== "NoopMeterProvider") {
        this.#made = this.#make(provider.getMeter(SCOPE, version));
      }
    }
    return this.#made;
  }

  end(): void {
    this.#made?.end();
    this.#made = undefined;
  }
}
