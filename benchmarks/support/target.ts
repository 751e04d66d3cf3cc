/** A figure that a benchmark must reach, and whether it did. */

export interface Target {
  readonly name: string;
  readonly value: number;
  readonly rule: "at most" | "at least";
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
}

export function atMost(name: string, value: number, limit: number, unit: string): Target {
  return { name, value, rule: "at most", limit, unit, met: value <= limit };
}

export function atLeast(name: string, value: number, limit: number, unit: string): Target {
  return { name, value, rule: "at least", limit, unit, met: value >= limit };
}
