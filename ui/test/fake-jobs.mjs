/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs and answers of the stand-in for suretyd. */
const TICK_MS = 150;
const STEPS = ["checking", "stopping", "saving", "converting", "redefining", "starting", "verifying", "ending"];

/* With the words that suretyd has, but for vm3's. */
const FINDINGS = vm => [
    {
        id: "vm.machine",
        severity: "ok",
        source: "domain XML",
        message: "the machine type is i440fx (pc) or q35",
        remedy: null,
    },
    {
        id: "vm.practice.restore-point",
        severity: "warning",
        source: "not checked",
        message: "no restore point is taken: the undo journal brings back the layout, and not files",
        remedy: "say --restore-point auto, or have a backup of the VM that was tested",
    },
    ...(vm === "vm3"
        ? [
              {
                  id: "vm.disk.rules",
                  severity: "stop",
                  source: "disk",
                  message: "there are four primary partitions (MBR2GPT: V5, 12)",
                  remedy: "Delete one of them",
              },
          ]
        : []),
];

export const problem = (status, id, detail, remedy) => ({
    status,
    type: "application/problem+json",
    body: { type: `urn:surety:error:${id}`, title: "Refused", status, detail, id, remedy },
});
export const ok = (body, status = 200) => ({ status, body });
export const BUSY = ["vm.busy", "the VM is being changed by somebody else", "Try again in a moment"];

/* Jobs: one VM after the other, a step a tick. */
export function makeJobs(world, findVm) {
    const stamp = job => Object.assign(job, { change: String(Number(job.change ?? 0) + 1) });
    const fails = (job, vm) => job.op === "upgrade" && vm.name === "vm7";

    function end(job) {
        const bad = job.vms.some(v => v.outcome !== "ok");
        for (const v of job.vms) job.counts[v.outcome] = (job.counts[v.outcome] ?? 0) + 1;
        Object.assign(job, {
            state: "ended",
            ended: Math.floor(Date.now() / 1000),
            status: job.cancelled ? 3 : bad ? 1 : 0,
        });
    }

    function finish(job, vm) {
        const target = findVm(vm.name);
        if (fails(job, vm))
            return Object.assign(vm, {
                outcome: "failed",
                step: "as before",
                percent: 100,
                endedMs: Date.now(),
                id: "vm.verify.timeout",
                text: "the guest did not come up in time",
                remedy: "Look at its console, and give it more time: --verify-timeout",
                summary: "not upgraded: as before, and running",
            });
        Object.assign(vm, {
            outcome: "ok",
            percent: 100,
            endedMs: Date.now(),
            summary:
                {
                    assess: "can be upgraded",
                    upgrade: "upgraded: Secure Boot on, vTPM present",
                    rollback: "as before",
                }[job.op] ?? "done",
        });
        const made = (firmware, state, on) =>
            Object.assign(target, {
                firmware,
                upgrade: { state, job: job.id },
                security: {
                    ...target.security,
                    secureBoot: on,
                    vTpm: on,
                    securityType: on ? "TrustedLaunch" : "Standard",
                },
            });
        if (job.op === "upgrade") made("uefi", "done", true);
        if (job.op === "rollback") made("bios", "undone", false);
    }

    const later = job => setTimeout(() => tick(job), world.tick ?? TICK_MS);
    const SKIPPED = {
        outcome: "skipped",
        id: "job.cancelled",
        text: "the batch was cancelled before this VM's turn",
        remedy: "Run this batch again to go on: surety job run ID",
    };

    function tick(job) {
        if (world.hold) return later(job);
        const vm = job.vms.find(v => v.outcome === "pending" || v.outcome === "working");
        if (job.cancelled) job.vms.forEach(v => v.outcome === "pending" && Object.assign(v, SKIPPED));
        if (!vm || (job.cancelled && vm.outcome === "skipped")) {
            end(job);
        } else {
            const at = vm.outcome === "pending" ? 0 : STEPS.indexOf(vm.step) + 1;
            job.state = "running";
            if (at >= (job.op === "upgrade" ? STEPS.length : 2)) finish(job, vm);
            else
                Object.assign(vm, {
                    outcome: "working",
                    step: STEPS[at],
                    percent: at * 12,
                    startedMs: vm.startedMs || Date.now(),
                });
            later(job);
        }
        stamp(job);
    }

    const lineOf = (name, index, id) => ({
        index,
        name: findVm(name).name,
        uuid: findVm(name).uuid,
        group: "",
        secureBoot: null,
        outcome: "pending",
        step: "",
        percent: 0,
        startedMs: 0,
        endedMs: 0,
        id: "",
        text: "",
        remedy: "",
        summary: "",
        log: `/var/lib/surety/jobs/log/${id}-${index}.log`,
    });

    function post(o) {
        const names = o.all ? world.vms.map(v => v.name) : (o.vms ?? []).map(v => v.name);
        if (!names.length || names.some(n => !findVm(n))) return problem(400, "job.vms", "at least one VM is needed");
        const now = Math.floor(Date.now() / 1000),
            id = `20260101-0000${String(world.jobs.length).padStart(2, "0")}-00aa`;
        const job = {
            id,
            op: o.op,
            connect: "qemu:///system",
            origin: "uid=0 api",
            state: "waiting",
            cancelled: false,
            all: !!o.all,
            count: names.length,
            created: now,
            started: now,
            ended: 0,
            options: o.options ?? {},
            counts: {},
            status: null,
            vms: names.map((name, index) => lineOf(name, index, id)),
        };
        world.jobs.unshift(stamp(job));
        later(job);
        return ok({ id }, 202);
    }

    const foundOf = (job, vm) => ({
        ...vm,
        checks: { findings: FINDINGS(vm.name) },
        ...(job.op === "upgrade" && {
            step_us: { checking: 12000, converting: 450000 },
            restore_point: { kind: "overlay" },
            verified: {
                ok: true,
                no: 0,
                open: 1,
                rows: [
                    { id: "verify.firmware", proof: "yes", required: true, how: "outside", text: "it boots by UEFI" },
                    { id: "verify.pcr4", proof: "open", required: false, how: "inside", text: "PCR 4 was not read" },
                ],
            },
        }),
    });

    function route(method, [id, verb]) {
        const job = world.jobs.find(j => j.id === id);
        if (!job) return problem(404, "job.none", `there is no job ${id}`);
        if (method === "GET" && !verb) return ok(job);
        if (method === "GET" && verb === "events") return { stream: job };
        if (method === "GET" && verb === "report")
            return job.state !== "ended"
                ? problem(404, "job.report", "there is no report yet", "It is written when the job ends")
                : ok({
                      path: `/var/lib/surety/jobs/report/${id}.txt`,
                      text: `Batch ${id}: ${job.op} of ${job.count} VMs\n`,
                      report: { vms: job.vms.map(vm => foundOf(job, vm)) },
                  });
        if (method === "POST" && verb === "cancel") {
            if (job.state === "ended") return problem(409, "job.ended", `batch ${id} has ended already`);
            job.cancelled = true;
            return ok(stamp(job));
        }
        if (method === "POST" && verb === "run") {
            for (const [i, vm] of job.vms.entries())
                if (vm.outcome === "skipped") job.vms[i] = lineOf(vm.name, vm.index, id);
            Object.assign(job, { state: "waiting", cancelled: false, status: null, ended: 0, counts: {} });
            later(job);
            return ok(stamp(job));
        }
        return problem(405, "http.method", "not so");
    }

    return {
        route,
        post,
        heads: () => world.jobs.map(({ vms: _v, counts: _c, status: _s, change: _h, ...head }) => head),
    };
}
