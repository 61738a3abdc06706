/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an upgrade does besides: the options of "surety vm upgrade". */
import { useState } from "react";
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert";
import { Checkbox } from "@patternfly/react-core/dist/esm/components/Checkbox";
import { ExpandableSection } from "@patternfly/react-core/dist/esm/components/ExpandableSection";
import { FormGroup } from "@patternfly/react-core/dist/esm/components/Form";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import { _, _c } from "./cockpit.js";
import { DEFAULT_OPTIONS } from "./model.js";

const CHECKS = [
    ["secure-boot", _("Secure Boot"), _("Only signed boot loaders start.")],
    ["vtpm", _("Virtual TPM"), _("A TPM 2.0, emulated by swtpm.")],
];
const MORE = [
    ["force", _("Switch off VMs that do not shut down"), _("They may lose data that they have not written.")],
    ["no-start", _("Leave VMs off afterwards"), _("Then they cannot be verified from inside.")],
    ["keep-going", _("Go on after failures"), _("Otherwise no VM begins any more after the failures below.")],
    ["allow-unsigned", _("Allow unsigned boot loaders"), _("They start only where Secure Boot is off.")],
    [
        "finish",
        _("Install the distribution’s EFI packages in the VM"),
        _("Through its guest agent, so that shim and GRUB are updated with the system."),
    ],
    ["dry-run", _("Only plan it"), _("The report tells what would be done; nothing is changed.")],
];
const WORDS = [
    [
        "restore-point",
        _("Restore point"),
        [
            ["auto", _("As the disk allows")],
            ["overlay", _("Overlay file")],
            ["internal", _("Snapshot in the qcow2 image")],
            ["none", _c("restore point", "None")],
        ],
    ],
    [
        "machine",
        _("Machine type"),
        [
            ["q35", "q35"],
            ["i440fx", "i440fx"],
        ],
    ],
];
const NUMBERS = [
    ["batch", _("VMs at a time"), 1, 64],
    ["canary", _("VMs to try alone first"), 0, 4096],
    ["max-failures", _("Failures that stop the job"), 1, 4096],
    ["shutdown-timeout", _("Seconds to shut down"), 1, 86400],
    ["verify-timeout", _("Seconds to verify"), 1, 86400],
];

const TEXTS = [
    ["overlay-dir", _("Directory for overlay files"), _("Beside each disk")],
    ["key-dir", _("Directory with keys of LUKS volumes"), _("None; a file for each VM, by its name")],
    ["boot-files", _("Directory with boot files"), _("From the disk, or from this host’s packages")],
    ["firmware-vars", _("File of firmware variables"), _("The template that libvirt takes")],
    ["map", _("Unknown partition types"), "TYPE=GUID"],
];

const Check = ({ row: [name, label, description], options, onChange }) => (
    <Checkbox
        id={`option-${name}`}
        label={label}
        description={description}
        isChecked={options[name]}
        onChange={(_event, on) => onChange({ [name]: on })}
    />
);

/* While it is typed a number may be none: then the default is what counts. */
function Numeric({ row: [name, label, min, max], options, onChange }) {
    const [text, setText] = useState(String(options[name]));
    const good = /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
    const change = (_event, value) => {
        const n = Number(value);
        setText(value);
        onChange({ [name]: /^\d+$/.test(value) && n >= min && n <= max ? n : DEFAULT_OPTIONS[name] });
    };
    return (
        <FormGroup label={label} fieldId={`option-${name}`}>
            <TextInput
                id={`option-${name}`}
                type="number"
                min={min}
                max={max}
                value={text}
                onChange={change}
                validated={good ? "default" : "error"}
                onBlur={() => good || setText(String(DEFAULT_OPTIONS[name]))}
            />
        </FormGroup>
    );
}

const Choice = ({ row: [name, label, words], options, onChange }) => (
    <FormGroup label={label} fieldId={`option-${name}`}>
        <FormSelect id={`option-${name}`} value={options[name]} onChange={(_event, v) => onChange({ [name]: v })}>
            {words.map(([value, text]) => (
                <FormSelectOption key={value} value={value} label={text} />
            ))}
        </FormSelect>
    </FormGroup>
);

const Text = ({ row: [name, label, placeholder], options, onChange }) => (
    <FormGroup label={label} fieldId={`option-${name}`}>
        <TextInput
            id={`option-${name}`}
            value={options[name]}
            placeholder={placeholder}
            onChange={(_event, v) => onChange({ [name]: v.trim() })}
        />
    </FormGroup>
);

export function Options({ options, onChange }) {
    const [open, setOpen] = useState(false);
    const each = (Field, rows) => rows.map(row => <Field key={row[0]} row={row} {...{ options, onChange }} />);
    return (
        <>
            <div className="row options">
                {each(Check, CHECKS)}
                {each(Choice, WORDS.slice(0, 1))}
            </div>
            {options["restore-point"] === "none" && (
                <Alert isInline component="p" variant="warning" title={_("No restore point is taken")}>
                    {_("Only the disk’s layout can be taken back then. Have a backup of each VM.")}
                </Alert>
            )}
            <ExpandableSection toggleText={_("More options")} isExpanded={open} onToggle={(_event, o) => setOpen(o)}>
                <div className="fields">
                    <div className="stack">{each(Check, MORE)}</div>
                    <div className="stack">
                        {each(Choice, WORDS.slice(1))}
                        {each(Numeric, NUMBERS)}
                    </div>
                    <div className="stack">{each(Text, TEXTS)}</div>
                </div>
            </ExpandableSection>
        </>
    );
}
