// SPDX-License-Identifier: GPL-3.0-or-later
// verify.mjs forge|pkijs DOCUMENT.der ROOT.pem ISSUING.pem: exit status 0 when the signature holds and the signer's
// certificate chains to the root; prints the payload.
import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import forge from 'node-forge';
import * as pkijs from 'pkijs';

const [kind, doc, rootFile, issuingFile] = process.argv.slice(2);
const der = readFileSync(doc);
const fail = why => { console.error(why); process.exit(1); };

// The calls that Taskcluster's worker manager makes on a document of Azure.
function withForge() {
    const asn1 = forge.asn1.fromDer(forge.util.createBuffer(der.toString('binary')));
    const message = forge.pkcs7.messageFromAsn1(asn1);
    if (message.certificates.length !== 1)
        fail(`expected one certificate, got ${message.certificates.length}`);
    const cert = message.certificates[0];
    const content = message.rawCapture.content.value[0].value;
    const payload = typeof content === 'string' ? content : content.map(c => c.value).join('');
    const md = forge.md.sha256.create();
    md.update(payload);
    if (!cert.publicKey.verify(md.digest().getBytes(), message.rawCapture.signature))
        fail('the signature does not hold');
    const pem = f => forge.pki.certificateFromPem(readFileSync(f, 'utf8'));
    const store = forge.pki.createCaStore([pem(rootFile)]);
    forge.pki.verifyCertificateChain(store, [cert, pem(issuingFile)]);
    return payload;
}

async function withPkijs() {
    pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto }));
    const info = pkijs.ContentInfo.fromBER(der);
    const signed = new pkijs.SignedData({ schema: info.content });
    const pem = f => pkijs.Certificate.fromBER(Buffer.from(readFileSync(f, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64'));
    signed.certificates.push(pem(issuingFile));
    const result = await signed.verify({ signer: 0, checkChain: true, trustedCerts: [pem(rootFile)], extendedMode: true })
        .catch(e => fail(e.message || String(e)));
    if (!result.signatureVerified || !result.signerCertificateVerified)
        fail(`signature ${result.signatureVerified}, certificate ${result.signerCertificateVerified}: ${result.message}`);
    return Buffer.from(signed.encapContentInfo.eContent.valueBlock.valueHexView ||
        signed.encapContentInfo.eContent.getValue()).toString();
}

try {
    console.log(kind === 'forge' ? withForge() : await withPkijs());
} catch (e) {
    fail(e.message || String(e));
}
