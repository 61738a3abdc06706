/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an attested document claims: the content of a PKCS #7 SignedData (RFC 5652), without verifying anything: that
 * is for those who have roots to trust. */

const SEQUENCE = 0x30,
    OID = 0x06,
    OCTETS = 0x04,
    EXPLICIT_0 = 0xa0;
const SIGNED_DATA = "2a864886f70d010702";

class Malformed extends Error {}

/* What stands at from: {tag, from, to}, of its content.  DER: lengths are definite. */
function element(der, from, end) {
    if (from + 2 > end) throw new Malformed("it ends too early");
    let to = der[from + 1],
        at = from + 2;
    if (to >= 0x80) {
        const digits = to - 0x80;
        if (digits < 1 || digits > 3 || at + digits > end) throw new Malformed("a length is wrong");
        to = der.slice(at, at + digits).reduce((n, byte) => n * 256 + byte, 0);
        at += digits;
    }
    if (at + to > end) throw new Malformed("a length is wrong");
    return { tag: der[from], from: at, to: at + to };
}

/* The elements of an element. */
function parts(der, { from, to }) {
    const found = [];
    for (let at = from; at < to; at = found.at(-1).to) found.push(element(der, at, to));
    return found;
}

function expect(found, tag) {
    if (found?.tag !== tag) throw new Malformed("it is not signed data");
    return found;
}

/* base64: the document's member "signature".  Gives what was signed, an object; throws when it is no such document. */
export function claimsOf(base64) {
    const der = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    const [type, content] = parts(der, expect(element(der, 0, der.length), SEQUENCE));
    const id = der.slice(expect(type, OID).from, type.to).reduce((s, b) => s + b.toString(16).padStart(2, "0"), "");
    if (id !== SIGNED_DATA) throw new Malformed("it is not signed data");
    const [signed] = parts(der, expect(content, EXPLICIT_0));
    const [, , inner] = parts(der, expect(signed, SEQUENCE));
    const [, wrapped] = parts(der, expect(inner, SEQUENCE));
    const [text] = parts(der, expect(wrapped, EXPLICIT_0));
    expect(text, OCTETS);
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(der.slice(text.from, text.to)));
}

/* Members of members as rows: [["timeStamp.createdOn", "..."], ...]; what is empty is left out. */
export function rowsOf(claims, before = "") {
    return Object.entries(claims ?? {}).flatMap(([name, value]) =>
        value !== null && typeof value === "object"
            ? rowsOf(value, `${before}${name}.`)
            : value === "" || value === null
              ? []
              : [[before + name, String(value)]],
    );
}
