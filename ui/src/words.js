/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the API's words are called on the page, with the colour and the icon of each: one row a word.  Colour never says
 * anything that the text does not. */
import { _, _c } from "./cockpit.js";

const row = (text, color = "grey", icon = null) => ({ text, color, icon });

export const SERVER = {
    Active: row(_c("server", "Active"), "green", "ok"),
    Expired: row(_c("server", "Expired"), "red", "bad"),
    Inactive: row(_c("server", "Inactive"), "gold", "warn"),
    Error: row(_c("server", "Error"), "red", "bad"),
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

/* For a VM's button, and what happens after it was pressed: told before it happens. */
export const ACTION = {
    "install-updates": {
        button: _("Install updates"),
        here: false,
        title: _("Install updates in $0"),
        text: _(
            "The benefit needs a newer build of the operating system. Install its latest cumulative update " +
                "inside the VM; the status changes by itself after that.",
        ),
    },
    verify: {
        button: _("Verify"),
        here: false,
        title: _("Verify $0"),
        text: _(
            "Everything is set up, but no document of this VM was verified lately. Inside the VM run " +
                "“surety-guest verify”, or enable the service surety-guest, which does it from time to time.",
        ),
    },
    "add-vsock": {
        button: _("Add vsock device"),
        here: true,
        title: _("Add a vsock device to $0?"),
        text: _(
            "A vsock device is added to the VM’s definition, so that it can ask for documents without a network. " +
                "A running VM may get it only when it is shut down and started the next time.",
        ),
    },
    "legacy-network": {
        button: _("Set up legacy networking"),
        here: true,
        title: _("Set up legacy networking for $0?"),
        text: _(
            "The VM gets one more network card, on a network inside this host without any uplink, where it can " +
                "ask for documents over HTTP. Some VMs must be shut off before a card can be added.",
        ),
    },
    upgrade: {
        button: _("Upgrade…"),
    },
    "agent-channel": {
        button: _("Add guest agent channel"),
        here: true,
        title: _("Add the guest agent channel to $0?"),
        text: _(
            "A channel for the QEMU guest agent is added to the VM’s definition. Through it this host sees which " +
                "operating system runs there. The agent must be installed in the VM.",
        ),
    },
    look: {
        button: _("Look at the disk"),
        here: true,
        title: _("Look which system is on the disk of $0?"),
        text: _("The disk of the VM, which is shut off, is read to find its operating system. Nothing is written."),
    },
};

/* When an action counts, as suretyd answers. */
export const NEXT = {
    now: _("$0: done"),
    start: _("$0: done; it counts from the VM’s next start"),
    job: _("$0: the disk is being read"),
};

export const KIND = { document: _("Document"), verified: _("Verification result"), request: _("Request") };
