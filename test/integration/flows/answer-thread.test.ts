/** Iterables and streams in answers, from workers of this kind: thread. */
import { returnsStreams } from "./answer-contract.ts";

returnsStreams("thread");
