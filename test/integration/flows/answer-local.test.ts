/** Iterables and streams in answers, from workers of this kind: none but the program itself. */
import { returnsStreams } from "./answer-contract.ts";

returnsStreams("local");
