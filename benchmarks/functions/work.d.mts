export function work(units: number): number;
