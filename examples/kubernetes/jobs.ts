/** What the pods of the Deployment serve. */
import { routine } from "merino";

/** Counts the primes from `from` to below `to`, by trial division: work for a processor. */
export const countPrimes = routine(function countPrimes(from: number, to: number) {
  let primes = 0;
  for (let candidate = Math.max(from, 2); candidate < to; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) primes++;
  }
  return primes;
});
