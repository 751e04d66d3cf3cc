/** Iterables, streams and callbacks among the arguments, on worker processes. */
import { passesFlows } from "./contract.ts";

passesFlows("process");
