/** What a worker counts of its resources: never more is held than there is, and nothing is left when all has ended. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import { type Amounts, addAmounts, covers, resourcesOf } from "../../../../src/internal/amounts.ts";
import type { ServerSession } from "../../../../src/session/server-session.ts";
import type { FrameReader } from "../../../../src/wire/batch/frame-reader.ts";
import { Feature } from "../../../../src/wire/features.ts";
import type { Nack } from "../../../../src/wire/frames.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { Reservation } from "../../../../src/worker/resources/reservation.ts";
import { Reservations, type ReservingTask } from "../../../../src/worker/resources/reservations.ts";
import { allHeld } from "../../../../src/worker/resources/worker-resources.ts";
import { declaredRoutine } from "../../../support/declared-routine.ts";

const amounts = (gpu: number, license = 0): Amounts =>
  new Map([["gpu", gpu] as const, ["license", license] as const].filter(([, amount]) => amount > 0));

/** The reservations of a worker, and one connection whose frames the test plays. */
function useReservations(total: Amounts, options: { features?: readonly number[]; forbids?: boolean } = {}) {
  let kept = 0;
  const told: string[] = [];
  const reservations = new Reservations({
    total,
    access: {
      judge: () =>
        options.forbids === true
          ? { code: NackCode.FORBIDDEN, reason: "the rules say no", retryAfterMs: 0, version: "" }
          : undefined,
    },
    maxTimeMs: undefined,
    counted: (change) => {
      kept += change;
    },
  });
  let heldBytes = 0;
  const memory = {
    weigh: (bytes: number) => bytes,
    add: (bytes: number) => {
      heldBytes += bytes;
    },
    drop: (bytes: number) => {
      heldBytes -= bytes;
    },
  };
  const makeSession = (local = true): ServerSession =>
    // All that a reservation looks at of its connection.
    ({
      connection: {
        carrier: { local },
        peer: { features: options.features ?? [Feature.Resources] },
        memory: local ? undefined : memory,
      },
      peer: {},
      ack: (stream: number) => told.push(`ack ${stream}`),
      done: (stream: number) => told.push(`done ${stream}`),
      broken: (stream: number) => told.push(`broken ${stream}`),
    }) as unknown as ServerSession;
  const session = makeSession();
  return {
    reservations,
    session,
    makeSession,
    told,
    get kept() {
      return kept;
    },
    /** What those of callers on the network count in its memory. */
    get heldBytes() {
      return heldBytes;
    },
    /** Asks for one as a peer does. */
    reserve(stream: number, resources: Amounts, timeMs = 60_000, of = session, held: readonly string[] = []) {
      const frame = { stream, task: { held: () => held } } as unknown as FrameReader;
      return reservations.grant(of, frame, { resources, timeMs });
    },
    task(reservationStream = 0, of = session, heldByCallers?: readonly string[]): ReservingTask {
      return { session: of, reservationStream, heldByCallers, holding: undefined };
    },
  };
}

const needing = (needs: Amounts): RoutineDefinition => ({ ...declaredRoutine("needs"), needs });

describe("Reservations", () => {
  test("hold never more than there is, and leave nothing, whatever comes and ends in whatever order", () => {
    const amount = fc.integer({ min: 0, max: 4 });
    const step = fc.record({
      kind: fc.constantFrom("body", "within", "end", "reserve", "give back", "lose", "held"),
      gpu: amount,
      license: amount,
      at: fc.nat(),
    });
    let bodies = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const total = amounts(4, 3);
        const use = useReservations(total);
        const { reservations } = use;
        const running: Array<{ task: ReservingTask; needs: Amounts; within: Reservation | undefined }> = [];
        const alive = new Set<Reservation>();
        const granted: Reservation[] = [];

        /** What is taken of the worker, by what the test knows. */
        const taken = (): Map<string, number> => {
          const sum = new Map<string, number>();
          for (const { needs, within } of running) if (within === undefined) addAmounts(sum, needs, 1);
          for (const reservation of granted) {
            const isKept = alive.has(reservation) || running.some(({ within }) => within === reservation);
            if (isKept) addAmounts(sum, reservation.amounts, 1);
          }
          return sum;
        };
        const fits = (needs: Amounts): boolean => {
          const sum = taken();
          addAmounts(sum, needs, 1);
          return covers(total, sum);
        };

        for (const [index, { kind, gpu, license, at }] of steps.entries()) {
          const needs = amounts(gpu, license);
          if (kind === "body" || kind === "held") {
            const task = use.task(0, use.session, kind === "held" ? ["gpu"] : undefined);
            const nack = reservations.judge(task, needing(needs));
            if (kind === "held" && gpu > 0) {
              assert.equal(nack?.code, NackCode.HELD);
              continue;
            }
            assert.equal(nack === undefined, fits(needs));
            if (nack !== undefined) {
              refused += 1;
              assert.equal(nack.code, covers(total, needs) ? NackCode.FULL : NackCode.LACKS_RESOURCES);
              continue;
            }
            reservations.take(task, needing(needs));
            running.push({ task, needs, within: undefined });
            bodies += 1;
          } else if (kind === "within") {
            const within = granted[at % Math.max(1, granted.length)];
            if (within === undefined) continue;
            const only: Amounts = new Map([...needs].filter(([name]) => within.amounts.has(name)));
            const task = use.task(within.stream);
            const nack = reservations.judge(task, needing(only));
            if (!alive.has(within)) {
              assert.equal(nack?.code, NackCode.RESERVATION_LOST);
              continue;
            }
            const sum = new Map(only);
            for (const one of running) if (one.within === within) addAmounts(sum, one.needs, 1);
            assert.equal(nack === undefined, covers(within.amounts, sum));
            if (nack !== undefined) continue;
            reservations.take(task, needing(only));
            running.push({ task, needs: only, within });
            bodies += 1;
          } else if (kind === "end") {
            const [body] = running.splice(at % Math.max(1, running.length), 1);
            if (body === undefined) continue;
            reservations.resources.release(body.task);
            reservations.resources.release(body.task); // once is enough
          } else if (kind === "reserve") {
            const stream = 2 * index + 1;
            const isFree = fits(needs);
            const answer = use.reserve(stream, needs);
            assert.equal(answer instanceof Reservation, isFree && needs.size > 0);
            if (!(answer instanceof Reservation)) continue;
            granted.push(answer);
            alive.add(answer);
          } else {
            const reservation = granted[at % Math.max(1, granted.length)];
            if (reservation === undefined) continue;
            if (kind === "lose") reservation.lost();
            else reservation.cancel();
            alive.delete(reservation);
          }
          assert.deepEqual(reservations.resources.used, resourcesOf(taken()));
          assert.ok(covers(total, taken()));
        }

        for (const { task } of running) reservations.resources.release(task);
        for (const reservation of alive) reservation.lost();
        assert.deepEqual(reservations.resources.used, {});
        assert.equal(use.kept, 0);
      }),
      { numRuns: 300, seed: 20_260_718 },
    );
    assert.ok(bodies > 500 && refused > 200, `${bodies} bodies, ${refused} refused`);
  });

  test("are free again only when the last body within has ended", () => {
    const use = useReservations(amounts(1_000));
    const { reservations } = use;
    const granted = use.reserve(1, amounts(1_000));
    const task = use.task(1);
    assert.equal(reservations.judge(task, needing(amounts(1_000))), undefined);
    reservations.take(task, needing(amounts(1_000)));

    (granted as Reservation).cancel();

    assert.deepEqual(use.told, ["ack 1", "done 1"]);
    assert.deepEqual(reservations.resources.used, { gpu: 1 });
    assert.equal((reservations.judge(use.task(1), undefined) as Nack).code, NackCode.RESERVATION_LOST);
    assert.equal(use.kept, 1);
    reservations.resources.release(task);
    assert.deepEqual(reservations.resources.used, {});
    assert.equal(use.kept, 0);
  });

  test("count in the memory of callers on the network for as long as they are open, however little they reserve", () => {
    const use = useReservations(amounts(1_000_000));
    const far = use.makeSession(false);

    const granted = Array.from(
      { length: 64 },
      (_, n) => use.reserve(2 * n + 1, amounts(1), 60_000, far) as Reservation,
    );
    const near = use.reserve(1, amounts(1)) as Reservation;
    const { heldBytes } = use;
    for (const reservation of [...granted, near]) reservation.lost();

    assert.ok(heldBytes >= 64 * 512, `${heldBytes} bytes`);
    assert.equal(use.heldBytes, 0);
  });

  test("are used by nobody but the connection that has made them", () => {
    const use = useReservations(amounts(1_000));
    const { reservations } = use;
    const granted = use.reserve(1, amounts(1_000)) as Reservation;

    const stranger = reservations.judge(use.task(1, use.makeSession()), needing(amounts(1_000)));

    assert.equal(stranger?.code, NackCode.RESERVATION_LOST);
    granted.lost();
  });

  test("are refused by rules, to callers of older versions, for too long, for nothing, and in too great a number", () => {
    const use = useReservations(amounts(1_000_000));
    const forbidding = useReservations(amounts(1_000), { forbids: true });
    const old = useReservations(amounts(1_000), { features: [] });
    const code = (answer: Reservation | Nack): number | undefined =>
      "code" in answer ? answer.code : undefined;

    assert.equal(
      code(forbidding.reserve(1, amounts(1), 1, forbidding.makeSession(false))),
      NackCode.FORBIDDEN,
    );
    assert.equal(code(forbidding.reserve(1, amounts(2_000))), NackCode.LACKS_RESOURCES); // rules are for the network
    assert.equal(code(old.reserve(1, amounts(1))), NackCode.BAD_PAYLOAD);
    assert.equal(code(use.reserve(1, amounts(1), 600_001)), NackCode.LACKS_RESOURCES);
    assert.equal(code(use.reserve(1, amounts(0))), NackCode.BAD_PAYLOAD);
    assert.equal(code(use.reserve(1, amounts(1), 0)), NackCode.BAD_PAYLOAD);
    assert.equal(code(use.reserve(1, amounts(1), 1, use.session, ["gpu"])), NackCode.HELD);
    const made = Array.from({ length: 64 }, (_, n) => use.reserve(2 * n + 1, amounts(1)) as Reservation);
    assert.equal(code(use.reserve(999, amounts(1))), NackCode.FULL);
    const other = use.reserve(1, amounts(1), 60_000, use.makeSession()) as Reservation;
    use.reservations.endAll((session) => session === use.session);
    assert.deepEqual(use.reservations.resources.used, { gpu: 0.001 });
    assert.ok(made.every(({ ended }) => ended));
    other.lost();
    assert.equal(use.kept, 0);
  });

  test("are known to the calls of the bodies within, as what these hold", () => {
    const use = useReservations(amounts(1_000, 1_000));
    const { reservations } = use;
    const granted = use.reserve(1, amounts(1_000)) as Reservation;
    const task = use.task(1);
    reservations.take(task, needing(amounts(0, 1_000)));

    assert.deepEqual([...allHeld(task.holding, ["far"])].sort(), ["far", "gpu", "license"]);
    assert.deepEqual(allHeld(undefined, ["far"]), ["far"]);
    reservations.resources.release(task);
    granted.cancel();
  });
});
