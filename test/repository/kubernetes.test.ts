/**
 * The Kubernetes manifests among the examples: each document keeps the schema of its kind, has no field that
 * the schema does not know, and names, labels and ports fit together.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1";
import { type IJob, Job } from "kubernetes-models/batch/v1";
import { type INetworkPolicy, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { type IContainer, type IService, Service } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../support/repository.ts";

/** What a document is, before it has been validated. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string };
}

const MODELS = {
  "apps/v1 Deployment": Deployment,
  "v1 Service": Service,
  "networking.k8s.io/v1 NetworkPolicy": NetworkPolicy,
  "batch/v1 Job": Job,
};

const workers = await readManifests("workers.yaml");
const caller = await readManifests("caller.yaml");
const deployment = find<IDeployment>(workers, "Deployment");
const service = find<IService>(workers, "Service");
const policy = find<INetworkPolicy>(workers, "NetworkPolicy");
const job = find<IJob>(caller, "Job");
const worker = onlyContainer(deployment.spec?.template.spec?.containers);
const program = onlyContainer(job.spec?.template.spec?.containers);
const credentials = program.env?.find(({ name }) => name === "CREDENTIALS")?.value;

async function readManifests(file: string): Promise<Manifest[]> {
  const text = await readFile(path.join(ROOT, "examples/kubernetes", file), "utf8");
  return parseAllDocuments(text, { strict: true }).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as Manifest;
  });
}

/** The type is that of the kind, which validation has yet to prove; see the first test. */
function find<T>(manifests: readonly Manifest[], kind: string): T {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0] as T;
}

function onlyContainer(containers: readonly IContainer[] | undefined): IContainer {
  const [container] = containers ?? [];
  assert.ok(container !== undefined && containers?.length === 1);
  return container;
}

/**
 * Validates a document by the schema of its kind.
 *
 * @returns The paths of the fields that the schema has never looked at. Kubernetes drops unknown fields
 *   without a word, so that a misspelt one is simply not in force.
 * @throws Error if the document breaks the schema, or there is none for its kind.
 */
function validate(manifest: Manifest): string[] {
  const name = `${manifest.apiVersion} ${manifest.kind}`;
  assert.ok(Object.hasOwn(MODELS, name), `no schema for ${name}`);
  const Model = MODELS[name as keyof typeof MODELS];
  // The constructors take data of their own type; that this is such data is what validation is to find out.
  const model = new (Model as new (data: unknown) => { validate(): void })(manifest);
  const unread = new Set<string>();
  model.validate.call(watched(model, "", unread));
  return [...unread];
}

/** The same object, but what is read of it is taken off the list. */
function watched<T extends object>(value: T, at: string, unread: Set<string>): T {
  for (const key of Object.keys(value)) unread.add(`${at}/${key}`);
  const children = new Map<string, object>();
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key);
      if (typeof key !== "string") return child;
      const place = `${at}/${key}`;
      unread.delete(place);
      if (typeof child !== "object" || child === null) return child;
      const known = children.get(key) ?? watched(child, place, unread);
      children.set(key, known);
      return known;
    },
  });
}

/** A copy of the Deployment with something changed. */
function deploymentWith(change: (copy: IDeployment) => void): Manifest {
  const copy = structuredClone(deployment);
  change(copy);
  return copy as Manifest;
}

function valueOf(container: IContainer, flag: string): string | undefined {
  return container.args?.find((argument) => argument.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

test("manifests keep the schemas of their kinds and have no unknown fields", (context) => {
  const all = [...workers, ...caller];

  assert.deepEqual(
    all.map(({ kind, metadata }) => `${kind} ${metadata?.name}`),
    ["Deployment merino-workers", "Service merino-workers", "NetworkPolicy merino-workers", "Job primes"],
  );
  context.diagnostic(`looked at ${all.length} manifests`);
  for (const manifest of all) assert.deepEqual(validate(manifest), [], manifest.kind);
});

test("the check of manifests refuses a value of the wrong type, a missing field, an unknown value", () => {
  const wrong = [
    deploymentWith((copy) => {
      Object.assign(copy.spec?.template.spec?.containers[0]?.ports?.[0] ?? {}, { containerPort: "7777" });
    }),
    deploymentWith((copy) => {
      Reflect.deleteProperty(copy.spec ?? {}, "selector");
    }),
    deploymentWith((copy) => {
      Object.assign(copy.spec?.template.spec?.containers[0]?.resources?.requests ?? {}, { memory: "much" });
    }),
    { ...deployment, apiVersion: "apps/v1beta1" } as Manifest,
    { ...deployment, kind: "Service" } as Manifest,
  ];
  for (const manifest of wrong) assert.throws(() => validate(manifest));
});

test("the check of manifests names a misspelt field", () => {
  const misspelt = deploymentWith((copy) => {
    Object.assign(copy.spec?.template.spec ?? {}, { terminationGracePeriod: 75 });
    Object.assign(copy.spec?.template.spec?.containers[0]?.securityContext ?? {}, {
      readOnlyRootFileSystem: true,
    });
  });

  assert.deepEqual(validate(misspelt).sort(), [
    "/spec/template/spec/containers/0/securityContext/readOnlyRootFileSystem",
    "/spec/template/spec/terminationGracePeriod",
  ]);
});

test("the selectors of Deployment, Service and NetworkPolicy choose the workers' pods and no callers", () => {
  const labels = deployment.spec?.template.metadata?.labels;

  assert.notEqual(Object.keys(labels ?? {}).length, 0);
  assert.deepEqual(deployment.spec?.selector.matchLabels, labels);
  assert.deepEqual(service.spec?.selector, labels);
  assert.deepEqual(policy.spec?.podSelector?.matchLabels, labels);
  assert.notDeepEqual(job.spec?.template.metadata?.labels, labels);
});

test("the port that is listened on is the one that is published, let through and called", () => {
  const port = worker.ports?.find(({ name }) => name === "merino");
  const number = Number(valueOf(worker, "--port"));

  assert.ok(Number.isInteger(number));
  assert.equal(port?.containerPort, number);
  assert.deepEqual(
    service.spec?.ports?.map(({ port, targetPort }) => [port, targetPort]),
    [[number, port?.name]],
  );
  assert.deepEqual(
    policy.spec?.ingress?.map(({ ports }) => ports?.map(({ port }) => port)),
    [[port?.name]],
  );
  assert.equal(program.env?.find(({ name }) => name === "WORKERS_PORT")?.value, String(number));
});

test("both sides say the build that their image is, so that programs and workers of one build find each other", () => {
  for (const { image, env } of [worker, program]) {
    assert.equal(env?.find(({ name }) => name === "MERINO_BUILD")?.value, image?.split(":").at(-1));
  }
});

test("the port on which health is told is the one that is probed, and no pod is let through to it", () => {
  const port = worker.ports?.find(({ name }) => name === "health");
  const number = Number(valueOf(worker, "--health")?.split(":")[1]);

  assert.ok(Number.isInteger(number));
  assert.equal(port?.containerPort, number);
  for (const probe of [worker.startupProbe, worker.readinessProbe, worker.livenessProbe]) {
    assert.deepEqual(probe?.grpc, { port: number });
  }
  const passed = [...(policy.spec?.ingress ?? []), ...(service.spec?.ports ?? [])];
  assert.ok(!JSON.stringify(passed).includes("health") && !JSON.stringify(passed).includes(String(number)));
});

test("a worker that ends is not killed for saying so as long as its calls may take", () => {
  const { periodSeconds = 0, failureThreshold = 0 } = worker.livenessProbe ?? {};

  assert.ok(periodSeconds * failureThreshold * 1_000 > Number(valueOf(worker, "--grace")));
});

test("both sides prove who they are, with Secrets that are renewed where they are mounted", () => {
  for (const [pod, container, named] of [
    [
      deployment.spec?.template.spec,
      worker,
      ["--ca", "--cert", "--key"].map((flag) => valueOf(worker, flag)),
    ],
    [
      job.spec?.template.spec,
      program,
      ["ca.crt", "tls.crt", "tls.key"].map((file) => `${credentials}/${file}`),
    ],
  ] as const) {
    const volume = pod?.volumes?.find(({ secret }) => secret !== undefined);
    const mount = container.volumeMounts?.find(({ name }) => name === volume?.name);
    assert.deepEqual(
      named,
      ["ca.crt", "tls.crt", "tls.key"].map((file) => `${mount?.mountPath}/${file}`),
    );
    assert.equal(mount?.readOnly, true);
    assert.equal(mount?.subPath, undefined); // never renewed
    // Root's, and readable for the group that is the program's own.
    assert.equal(volume?.secret?.defaultMode, 0o440);
    assert.equal(pod?.securityContext?.fsGroup, pod?.securityContext?.runAsGroup);
  }
  assert.ok(!worker.args?.includes("--insecure"));
});

test("the caller's pods are those that the NetworkPolicy lets in, and they look for the Service by name", () => {
  const allowed = policy.spec?.ingress?.flatMap(({ from }) => from ?? []) ?? [];
  const labels = Object.entries(job.spec?.template.metadata?.labels ?? {});

  assert.equal(allowed.length, 1);
  const wanted = Object.entries(allowed[0]?.podSelector?.matchLabels ?? {});
  assert.notEqual(wanted.length, 0); // an empty selector would let everybody in
  for (const [label, value] of wanted) {
    assert.ok(
      labels.some(([name, text]) => name === label && text === value),
      label,
    );
  }
  const [name] = program.env?.find((entry) => entry.name === "WORKERS")?.value?.split(".") ?? [];
  assert.equal(name, service.metadata?.name);
});

test("the Service is headless, and lists only workers that serve", () => {
  assert.equal(service.spec?.clusterIP, "None");
  assert.equal(service.spec?.publishNotReadyAddresses, false);
});

test("a pod is left more time to end than its worker leaves its calls", () => {
  const graceMs = Number(valueOf(worker, "--grace"));
  const killedAfterMs = (deployment.spec?.template.spec?.terminationGracePeriodSeconds ?? 0) * 1_000;

  assert.ok(graceMs > 0);
  assert.ok(killedAfterMs >= graceMs + 10_000, `${killedAfterMs} ms`);
});

test("the workers' pods can write where the runtime directory is made, and nowhere else", () => {
  const pod = deployment.spec?.template.spec;
  const mounts = worker.volumeMounts ?? [];

  assert.equal(worker.securityContext?.readOnlyRootFilesystem, true);
  assert.deepEqual(
    mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath),
    ["/tmp"],
  );
  const { name: writable } = mounts.find(({ mountPath }) => mountPath === "/tmp") ?? {};
  assert.ok(pod?.volumes?.find(({ name }) => name === writable)?.emptyDir);
  // The root of a volume belongs to root and is open to all: as XDG_RUNTIME_DIR it would be passed over.
  const variables = worker.env?.map(({ name }) => name) ?? [];
  assert.ok(!variables.includes("XDG_RUNTIME_DIR") && !variables.includes("TMPDIR"));
});

test("no pod runs as root, can become it, or has a token of the cluster", () => {
  for (const [pod, container] of [
    [deployment.spec?.template.spec, worker],
    [job.spec?.template.spec, program],
  ] as const) {
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    assert.ok((pod?.securityContext?.runAsUser ?? 0) > 0);
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.equal(container.securityContext?.allowPrivilegeEscalation, false);
    assert.deepEqual(container.securityContext?.capabilities?.drop, ["ALL"]);
  }
});

test("both sides run the same image, and that image is built with what they run", async () => {
  const dockerfile = await readFile(path.join(ROOT, "examples/kubernetes/Dockerfile"), "utf8");

  assert.equal(program.image, worker.image);
  assert.match(worker.image ?? "", /:\d/); // a tag that says what it is
  const [command] = worker.command ?? [];
  assert.ok(command !== undefined && dockerfile.includes(`"${command}", "worker", "${worker.args?.[0]}"`));
  assert.match(
    dockerfile,
    new RegExp(`^USER ${deployment.spec?.template.spec?.securityContext?.runAsUser}:`, "m"),
  );
});
