/** What runs on the workers, whoever has started them. */
import { routine } from "merino";

/** Counts the primes below `limit`, by trial division: work for a processor. */
export const countPrimes = routine(function countPrimes(limit: number): { primes: number; pid: number } {
  let primes = 0;
  for (let candidate = 2; candidate < limit; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) primes++;
  }
  return { primes, pid: process.pid };
});
