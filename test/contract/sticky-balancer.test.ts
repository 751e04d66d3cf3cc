/** StickyBalancer keeps the balancer contract for calls without a tag; what it does with tags is in its unit tests. */
import { StickyBalancer } from "../../src/balancer/sticky-balancer.ts";
import { balancerContract } from "./balancer.ts";

balancerContract("StickyBalancer", () => new StickyBalancer(), 64);
