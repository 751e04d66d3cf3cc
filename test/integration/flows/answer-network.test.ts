/** Iterables and streams in answers, from workers of this kind: network. */
import { returnsStreams } from "./answer-contract.ts";

returnsStreams("network");
