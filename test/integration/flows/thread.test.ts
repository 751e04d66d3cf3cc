/** Iterables, streams and callbacks among the arguments, on worker threads. */
import { passesFlows } from "./contract.ts";

passesFlows("thread");
