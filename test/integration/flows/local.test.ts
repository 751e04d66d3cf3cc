/** Iterables, streams and callbacks among the arguments, in a pool without workers. */
import { passesFlows } from "./contract.ts";

passesFlows("local");
