/** Iterables and streams in answers, from workers of this kind: process. */
import { returnsStreams } from "./answer-contract.ts";

returnsStreams("process");
