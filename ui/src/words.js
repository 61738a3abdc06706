/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API's words are called on the page, with the colour and the icon of each: one row a word.  Colour never says
 * anything that the text does not. */
import { _, _c, ngettext } from "./cockpit.js";
import { errors, remedies, rules } from "./rules.js";

/* suretyd's sentences go on after a colon; alone they begin with a capital letter, also translated, unless a name is
 * what they begin with: of a VM, a program, a file. */
const NAMES = /^(suretyd?|libvirtd?|swtpm|virsh|systemd|qemu|shim|nft|modprobe|chown)$/;
export function sentence(text, name) {
    const first = text?.match(/^\p{Ll}+(?=[\s,:;.’]|$)/u)?.[0];
    return !first || NAMES.test(first) || first === name ? (text ?? "") : text[0].toUpperCase() + text.slice(1);
}

const row = (text, color = "grey", icon = null) => ({ text, color, icon });

export const SERVER = {
    Active: row(_c("server", "Active"), "green", "ok"),
    Expired: row(_c("server", "Expired"), "red", "bad"),
    Inactive: row(_c("server", "Inactive"), "gold", "warn"),
    Error: row(_c("server", "Error"), "red", "bad"),
};

/* Why a server is in its state, and what to do. What suretyd says is shown where there is none here. */
export const REASON = {
    "server.active": [_("VMs are attested.")],
    "server.not-enrolled": [_("The host is not enrolled."), _("Enrol it with a token of the authority.")],
    "server.expired": [
        _("The certificate has ended: there was no sync for 30 days."),
        _("Sync now. After more than a year, enrol with a new token."),
    ],
    "server.sync-overdue": [_("The last sync was more than 30 days ago."), _("Sync now.")],
    "server.clock": [
        _("The host’s clock stands before its certificate or its last sync."),
        _("Set the clock, then sync."),
    ],
    "server.revoked": [
        _("The authority has revoked this host’s certificate."),
        _("If that was a mistake, enrol with a new token."),
    ],
    "server.refused": [
        _("The authority refused the last sync."),
        _("See why with “surety authority list” there, then enrol with a new token."),
    ],
    "server.signer": [_("surety-signer does not answer."), _("Start it; its log says why it ended.")],
    "server.key": [_("The host’s key cannot be used."), _("Repair its token or TPM, or enrol again.")],
};

/* What VMs lack, for a list of what needs attention; $0 is how many. */
export const LACKS = {
    "install-updates": n => ngettext("$0 VM needs updates", "$0 VMs need updates", n),
    upgrade: n => ngettext("$0 VM needs Trusted Launch", "$0 VMs need Trusted Launch", n),
    "add-vsock": n => ngettext("$0 VM needs a vsock device", "$0 VMs need a vsock device", n),
    "legacy-network": n => ngettext("$0 VM needs legacy networking", "$0 VMs need legacy networking", n),
    "agent-channel": n => ngettext("$0 VM needs the guest agent channel", "$0 VMs need the guest agent channel", n),
    "sync-server": n => ngettext("$0 VM waits for a sync of the host", "$0 VMs wait for a sync of the host", n),
    start: n => ngettext("$0 VM has to be started", "$0 VMs have to be started", n),
    restart: n => ngettext("$0 VM has to be restarted", "$0 VMs have to be restarted", n),
    verify: n => ngettext("$0 VM has to verify itself", "$0 VMs have to verify themselves", n),
};

export const VM = {
    Active: row(_("Verified"), "green", "ok"),
    Documented: row(_("Got a document"), "blue", "info"),
    Ready: row(_("Ready"), "blue", "info"),
    Inactive: row(_("No way to ask"), "gold", "warn"),
    Stopped: row(_("Shut off"), "grey", "off"),
    Error: row(_("Error"), "red", "bad"),
};

export const BENEFIT = {
    active: row(_c("benefit", "Active"), "green", "ok"),
    inactive: row(_c("benefit", "Inactive"), "gold", "warn"),
    unknown: row(_c("benefit", "Unknown"), "grey", "unknown"),
    "not-applicable": row(_("Not applicable"), "grey", "off"),
};

export const COUNTERS = {
    active: _("Active benefits"),
    inactive: _("Inactive benefits"),
    unknown: _("Unknown"),
    "not-applicable": _("No applicable benefits"),
};

/* What VMs are shown by, besides benefits. */
export const SHOW = {
    running: _("running"),
    verified: _("verified in the last day"),
    trusted: _("with Trusted Launch"),
};

export const TRANSPORT = { vsock: "vsock", http: _("legacy network"), unix: _("socket") };

export const OUTCOME = {
    pending: row(_("Waiting"), "grey", "wait"),
    working: row(_("Working"), "blue", "info"),
    ok: row(_("Done"), "green", "ok"),
    already: row(_("Nothing to do"), "green", "ok"),
    stopped: row(_("Stopped by a check"), "gold", "warn"),
    failed: row(_("Failed, is as before"), "red", "bad"),
    stuck: row(_("Stuck"), "red", "bad"),
    skipped: row(_("Skipped"), "grey", "off"),
};

/* What became of a VM that was not done. */
export const AFTER = {
    stopped: _("Nothing was changed"),
    failed: _("Brought back: it is as before"),
    stuck: _("Not brought back yet: leave it off"),
};

/* How what was promised was verified. */
export const PROOF = {
    yes: row(_("Proved"), "green", "ok"),
    no: row(_("Not so"), "red", "bad"),
    open: row(_("Open"), "gold", "unknown"),
};

export const STEP = {
    waiting: _("waiting"),
    checking: _("checking"),
    stopping: _("shutting down"),
    saving: _("taking the restore point"),
    converting: _("converting the disk"),
    redefining: _("redefining the VM"),
    starting: _("starting"),
    verifying: _("verifying"),
    ending: _("ending"),
    "going back": _("going back"),
    "as before": _("as before"),
    committing: _("giving up the restore point"),
};

export const OPERATION = {
    assess: _("Assessment"),
    upgrade: _("Upgrade"),
    verify: _("Verification"),
    rollback: _("Rollback"),
    commit: _("Giving up restore points"),
    look: _("Look at disks"),
    finish: _("Finishing"),
};

export const SEVERITY = {
    stop: row(_("Stops the upgrade"), "red", "bad"),
    unknown: row(_("Could not be checked"), "gold", "warn"),
    warning: row(_("Warning"), "gold", "warn"),
    note: row(_("Note"), "blue", "info"),
    ok: row(_("Good"), "green", "ok"),
};

/* For a VM's button, and what happens after it was pressed: told before it happens. here: this host does it; else
 * somebody has to do it in the VM. several: title for more than one. */
export const ACTION = {
    "install-updates": {
        button: _("Which updates?"),
        short: _("install updates"),
        here: false,
        title: _("Updates that $0 needs"),
        text: _("Install the latest cumulative update inside the VM. The status changes by itself after that."),
    },
    verify: {
        button: _("How to verify?"),
        short: _("verify in the VM"),
        here: false,
        title: _("Let $0 verify itself"),
        text: _(
            "Everything is set up on this host, but software in the VM has not verified a document in this run of " +
                "the VM, or not for a day. Inside the VM, as root:",
        ),
        commands: ["surety-guest verify", "systemctl enable --now surety-guest"],
        after: _("The first verifies once; the service does it from time to time. The status then becomes active."),
    },
    "sync-server": {
        button: _("Sync now"),
        short: _("sync the host"),
    },
    start: {
        button: _("How to start?"),
        short: _("start the VM"),
        here: false,
        title: _("Start $0"),
        text: _("What was set up counts from the VM’s next start. Start it on the page of virtual machines, or here:"),
        commands: ["virsh start $0"],
    },
    restart: {
        button: _("How to restart?"),
        short: _("shut down and start the VM"),
        here: false,
        title: _("Shut $0 down and start it"),
        text: _(
            "What was added to the VM while it ran counts from its next start. Shut it down and start it on the page " +
                "of virtual machines, or here; a restart from inside is not enough:",
        ),
        commands: ["virsh shutdown $0", "virsh start $0"],
        after: _("The second can be done once the VM is off."),
    },
    "add-vsock": {
        button: _("Add vsock device"),
        short: _("add a vsock device"),
        here: true,
        title: _("Add a vsock device to $0?"),
        several: n => ngettext("Add a vsock device to $0 VM?", "Add a vsock device to $0 VMs?", n),
        text: _(
            "A vsock device is added to the VM’s definition, so that it can ask for documents without a network. " +
                "A running VM may get it only when it is shut down and started the next time.",
        ),
    },
    "legacy-network": {
        button: _("Set up legacy networking"),
        short: _("set up legacy networking"),
        here: true,
        title: _("Set up legacy networking for $0?"),
        several: n => ngettext("Set up legacy networking for $0 VM?", "Set up legacy networking for $0 VMs?", n),
        text: _(
            "The VM gets one more network card, on a network inside this host without any uplink, where it can " +
                "ask for documents over HTTP. Some VMs must be shut off before a card can be added.",
        ),
    },
    upgrade: {
        button: _("Upgrade…"),
        short: _("upgrade to Trusted Launch"),
    },
    "agent-channel": {
        button: _("Add guest agent channel"),
        short: _("add the guest agent channel"),
        here: true,
        title: _("Add the guest agent channel to $0?"),
        several: n => ngettext("Add the guest agent channel to $0 VM?", "Add the guest agent channel to $0 VMs?", n),
        text: _(
            "A channel for the QEMU guest agent is added to the VM’s definition. Through it this host sees which " +
                "operating system runs there. The agent must be installed in the VM.",
        ),
    },
    look: {
        button: _("Look at the disk"),
        short: _("look at the disk"),
        here: true,
        title: _("Look which system is on the disk of $0?"),
        several: n => ngettext("Look at the disk of $0 VM?", "Look at the disks of $0 VMs?", n),
        text: _("The disk of the VM is read to find its operating system. Nothing is written."),
    },
    "legacy-off": {
        button: _("Take off legacy network…"),
        here: true,
        danger: true,
        title: _("Take $0 off the legacy network?"),
        several: n => ngettext("Take $0 VM off the legacy network?", "Take $0 VMs off the legacy network?", n),
        confirm: _("Take off"),
        text: _(
            "Its network card for that is removed. Without a vsock device it gets no more documents, and its " +
                "benefits end.",
        ),
    },
};

/* When an action counts, as suretyd answers: of one VM, and of several. */
export const NEXT = {
    now: _("$0: done"),
    start: _("$0: done; it counts from the VM’s next start"),
    job: _("$0: the disk is being read"),
};
export const NEXT_OF_SEVERAL = {
    now: _("Done:"),
    start: _("Done; it counts from the next start of:"),
};

export const KIND = {
    document: _("Document"),
    verified: _("Verification result"),
    request: _("Request"),
    management: _("Management"),
};

/* What management calls do; others are shown as they are called. */
export const CALL = {
    sync: _("Sync"),
    enrol: _("Enrolment"),
    remove: _("Removal from the authority"),
    document: _("Document asked for"),
    "legacy enable": _("Legacy OS support turned on"),
    "legacy disable": _("Legacy OS support turned off"),
    "legacy grant": _("Legacy networking set up"),
    "legacy-network": _("Legacy networking set up"),
    "legacy revoke": _("Taken off the legacy network"),
    "add-vsock": _("vsock device added"),
    "agent-channel": _("Guest agent channel added"),
    job: _("Job"),
    "job cancel": _("Job cancelled"),
    "job run": _("Job run again"),
    ...OPERATION,
};

/* What suretyd says, by its own words: rules' titles and remedies, and remedies of errors. */
const english = text => text;
const IN_ENGLISH = rules(english);
const RULES = new Map(Object.entries(rules(_)));
const SAID = new Map();
for (const [mine, own] of [
    [IN_ENGLISH, rules(_)],
    [{ remedies: remedies(english) }, { remedies: remedies(_) }],
])
    for (const [id, texts] of Object.entries(mine))
        for (const [name, text] of Object.entries(texts)) SAID.set(text, own[id][name]);

/* What errors and proofs are called, where that is translated. */
const CALLED = new Map();
for (const [id, { title }] of Object.entries(errors(english)))
    if (_(title) !== title) CALLED.set(id, _(title));

/* What is good, by a rule's id; "" of one that has no row. */
export const titleOf = id => RULES.get(id)?.title ?? "";

/* A message or a remedy of suretyd: translated when a row says just that, with MBR2GPT's name of the rule behind it or
 * without; all else has details of a VM in it, and is shown as it came. */
export function said(text) {
    const [, row, code] = text?.match(/^(.*?)( \(MBR2GPT: [^()]*\))?$/) ?? [];
    return SAID.has(row) ? SAID.get(row) + (code ?? "") : (text ?? "");
}

/* What was found, and what its rule wants: where that is translated, and what was found is not. */
export function findingInWords({ id, message }) {
    const own = said(message),
        title = titleOf(id);
    return { text: own, rule: own === message && title !== IN_ENGLISH[id]?.title ? title : "" };
}

/* What suretyd says of an error or a proof: {title, detail}.  The sentence itself, where there is no other;
 * else the title of its id in the user's language, and the sentence as the detail: it has names and values in it. */
export function inWords(id, text) {
    const own = said(text),
        title = own === (text ?? "") && CALLED.get(id);
    return title ? { title, detail: text ?? "" } : { title: own, detail: "" };
}

/* The same of a problem, which may be the page's own and then has a title; and in one line, for a short message. */
export const problemInWords = p =>
    p.title && !p.detail ? { title: p.title, detail: "" } : inWords(p.id, p.detail || p.message);
export function lineOf(problem) {
    const { title, detail } = problemInWords(problem);
    const told = sentence(title) + (detail && `: ${detail}`);
    return [told, sentence(said(problem.remedy))].filter(Boolean).join(". ");
}
