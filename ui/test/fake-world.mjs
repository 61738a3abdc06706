/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the stand-in for suretyd begins with: a host, its VMs, benefits, and documents. */
const benefit = (id, title, description, require) => ({
    id,
    title,
    description,
    source: "shipped",
    eligible: { os: "", version: "", edition: "", buildFrom: 0 },
    require: { transport: "any", secureBoot: false, vTpm: false, minBuild: [], ...require },
});
export const BENEFITS = [
    benefit("esu", "Extended security updates", "Updates for Windows Server 2012", { transport: "legacy" }),
    benefit("guest-configuration", "Guest configuration", "Settings of the system as code", {}),
    benefit("multi-session", "Windows multi-session desktop", "Session hosts", { minBuild: ["22621.3447"] }),
];
export const iso = ms => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
const uuid = i => `5ec0de00-0000-4000-8000-${i.toString(16).padStart(12, "0")}`;

const REASONS = {
    Active: ["server.active", "VMs are attested", null],
    Expired: ["server.expired", "the certificate ended", "Run: surety server sync"],
    Inactive: ["server.not-enrolled", "this host is not enrolled", "Run: surety server enrol"],
    Error: ["server.signer", "surety-signer does not answer", "Start it: systemctl start surety-signer"],
};

export function makeServer(state, name = "node1") {
    const [id, text, remedy] = REASONS[state];
    const now = Date.now(),
        day = 86400000,
        good = state === "Active";
    return {
        name,
        cluster: "lab",
        state,
        reason: { id, text, remedy },
        warnings: [],
        authority: "http://authority.example.org:8829",
        certificate:
            state === "Inactive"
                ? null
                : {
                      serial: "01",
                      notBefore: iso(now - 31 * day),
                      notAfter: iso(good ? now + 29 * day : now - day),
                  },
        sync: {
            last: iso(good ? now - 3600000 : now - 31 * day),
            lastAttempt: null,
            outcome: "done",
            problem: null,
            next: iso(now + 11 * 3600000),
            neededBefore: null,
        },
        vms: { running: 0, served: 0, cutOff: 0 },
        parts: {
            signer: { connected: true, state: "ready", key: "file", signed: 7 },
            imds: { connected: true, vms: 1, listeners: 1, connections: 0, requests: 9, documents: 7, refused: 0 },
            libvirt: { uri: "qemu:///system", connected: true },
            vsock: { open: true, port: 8080 },
        },
        legacy: { enabled: false },
    };
}

/* Every fourth VM has everything, the others lack something each. */
export function makeVm(i) {
    const kind = i % 4,
        running = kind !== 3,
        uefi = kind === 0;
    const benefits = [
        [{ id: "guest-configuration", status: "active", action: null }],
        [
            { id: "guest-configuration", status: "inactive", action: "verify" },
            { id: "multi-session", status: "inactive", action: "install-updates" },
        ],
        [
            { id: "esu", status: "inactive", action: "legacy-network" },
            { id: "guest-configuration", status: "inactive", action: "add-vsock" },
        ],
        [{ id: "guest-configuration", status: "unknown", action: "agent-channel" }],
    ][kind];
    return {
        uuid: uuid(i),
        name: `vm${i}`,
        source: "libvirt",
        running,
        status: ["Active", "Ready", "Inactive", "Stopped"][kind],
        problem: null,
        transports: [["vsock"], ["vsock"], [], []][kind],
        served: kind < 2,
        cid: kind < 2 ? 100 + i : 0,
        mark: 0,
        security: {
            secureBoot: uefi,
            securityType: uefi ? "TrustedLaunch" : "Standard",
            vTpm: uefi,
            customCommand: false,
        },
        lastDocument: kind === 0 ? iso(Date.now() - 60000) : null,
        lastVerified: kind === 0 ? iso(Date.now() - 60000) : null,
        lastResult: kind === 0 ? "ok" : null,
        firmware: uefi ? "uefi" : "bios",
        upgrade: null,
        benefits: BENEFITS.map(
            ({ id }) => benefits.find(o => o.id === id) ?? { id, status: "not-applicable", action: null },
        ),
        benefit_status: ["active", "inactive", "inactive", "unknown"][kind],
        os:
            kind === 3
                ? null
                : {
                      id: kind === 1 ? "windows" : "debian",
                      version: kind === 1 ? "11" : "12",
                      name: kind === 1 ? "Windows 11 Enterprise multi-session" : "Debian GNU/Linux 12",
                      edition: "",
                      build: kind === 1 ? 22621 : 0,
                      revision: kind === 1 ? 1105 : null,
                      source: "agent",
                      at: iso(Date.now() - 5000),
                  },
        agentChannel: kind !== 3,
        vsock: kind < 2,
        legacy: false,
    };
}

/* DER, as much as a document needs. */
const der = (tag, ...parts) => {
    const content = Buffer.concat(parts);
    const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
};
const OID_DATA = Buffer.from("2a864886f70d010701", "hex"),
    OID_SIGNED = Buffer.from("2a864886f70d010702", "hex");

/* A SignedData without signers: the page reads what was signed and verifies nothing. */
export const makeDocument = claims =>
    der(
        0x30,
        der(0x06, OID_SIGNED),
        der(
            0xa0,
            der(
                0x30,
                der(0x02, Buffer.from([1])),
                der(0x31),
                der(0x30, der(0x06, OID_DATA), der(0xa0, der(0x04, Buffer.from(JSON.stringify(claims))))),
                der(0x31),
            ),
        ),
    ).toString("base64");
