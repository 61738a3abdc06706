/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stand-in for suretyd says nothing that suretyd does not: each of its answers is held to data/openapi.json,
 * member by member. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeApi } from "./fake-api.mjs";

const api = JSON.parse(readFileSync(new URL("../../data/openapi.json", import.meta.url), "utf8"));
const resolve = schema =>
    schema.$ref ? resolve(schema.$ref.slice(2).split("/").reduce((o, name) => o[name], api)) : schema;
const typeOf = v =>
    v === null ? "null" : Array.isArray(v) ? "array" : Number.isInteger(v) ? "integer" : typeof v;

/* All of an allOf as one object. */
function merged(schema) {
    const s = resolve(schema);
    if (!s.allOf) return s;
    const all = s.allOf.map(merged);
    return {
        type: "object",
        required: all.flatMap(a => a.required ?? []),
        properties: Object.assign({}, ...all.map(a => a.properties)),
    };
}

/* What of the value is not as the schema says: [] or sentences.  Members that it does not name are none of suretyd's,
 * unless it names none at all. */
export function differences(value, schema, at = "$") {
    const s = merged(schema);
    if (s.anyOf) {
        const each = s.anyOf.map(a => differences(value, a, at));
        return each.sort((a, b) => a.length - b.length)[0]; // of the one that it is most like
    }
    const types = [s.type ?? []].flat();
    if (types.length && !types.includes(typeOf(value)) && !(typeOf(value) === "integer" && types.includes("number")))
        return [`${at} is ${typeOf(value)}, not ${types.join(" or ")}`];
    if (s.enum && !s.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}`];
    if (typeOf(value) === "array") return value.flatMap((v, i) => differences(v, s.items ?? {}, `${at}[${i}]`));
    if (typeOf(value) !== "object") return [];
    const names = s.properties ?? {};
    return [
        ...(s.required ?? []).filter(n => !(n in value)).map(n => `${at}.${n} is missing`),
        ...Object.entries(value).flatMap(([n, v]) =>
            names[n]
                ? v === undefined
                    ? []
                    : differences(v, names[n], `${at}.${n}`)
                : s.properties && !s.additionalProperties
                  ? [`${at}.${n} is not there`]
                  : [],
        ),
    ];
}

function held(told, method, path, body, status) {
    const answer = told.answer(method, path, body && JSON.stringify(body));
    const plain = path.replace(/\?.*/, "").split("/");
    const [name, route] = Object.entries(api.paths).find(([p, r]) => {
        const parts = p.split("/");
        return (
            r[method.toLowerCase()] &&
            parts.length === plain.length &&
            parts.every((part, i) => part.startsWith("{") || part === plain[i])
        );
    }) ?? [];
    assert.ok(name, `${method} ${path} is a route`);
    assert.equal(answer.status, status ?? answer.status, `${method} ${path}`);
    const operation = route[method.toLowerCase()];
    const response = resolve(operation.responses[answer.status] ?? operation.responses.default);
    const media = response.content[answer.type ?? "application/json"];
    assert.ok(media, `${method} ${path}: ${answer.type}`);
    const wrong = differences(JSON.parse(JSON.stringify(answer.body)), media.schema);
    assert.deepEqual(wrong, [], `${method} ${path}`);
    if (body) {
        const asked = operation.requestBody.content["application/json"].schema;
        assert.deepEqual(differences(body, asked), [], `${method} ${path}: what is asked`);
    }
    return answer;
}

test("differences are found", () => {
    const wrong = v => differences(v, { $ref: "#/components/schemas/Notice" });
    assert.deepEqual(wrong({ id: "a", text: "b", remedy: null }), []);
    assert.deepEqual(wrong({ id: 1, text: "b", more: 1 }), [
        "$.remedy is missing",
        "$.id is integer, not string",
        "$.more is not there",
    ]);
});

test("each answer of the stand-in is one of suretyd's", async () => {
    const told = makeApi({ servers: 2, state: "Expired" });
    for (const path of ["servers", "server", "summary", "benefits", "vms", "vms/vm0", "legacy", "jobs", "audit"])
        held(told, "GET", `/v1/${path}`, undefined, 200);
    held(told, "GET", "/v1/vms/nobody", undefined, 404);
    held(told, "POST", "/v1/server/sync", undefined, 200);
    held(told, "POST", "/v1/server/enrol", { token: "t", authority: "a" }, 200);
    held(told, "POST", "/v1/vms/vm2/actions", { action: "legacy-network" }, 409);
    held(told, "POST", "/v1/legacy/enable", { grantVms: true }, 200);
    for (const action of ["add-vsock", "agent-channel", "legacy-network", "look"])
        held(told, "POST", "/v1/vms/vm2/actions", { action }, 200);
    held(told, "POST", "/v1/vms/vm6/actions", { action: "add-vsock" }, 409);
    held(told, "POST", "/v1/vms/vm0/document", {}, 200);
    held(told, "POST", "/v1/vms/vm2/document", {}, 409);
    held(told, "GET", "/v1/legacy", undefined, 200);
    held(told, "DELETE", "/v1/legacy/grants/vm2", undefined, 200);
    held(told, "POST", "/v1/legacy/disable", { removeVms: false }, 200);
    held(told, "GET", "/v1/audit?max=3", undefined, 200);
    const { id } = held(told, "POST", "/v1/jobs", { op: "upgrade", vms: [{ name: "vm1" }, { name: "vm7" }] }, 202).body;
    held(told, "GET", `/v1/jobs/${id}/report`, undefined, 404);
    for (let job; job?.state !== "ended"; ) {
        job = held(told, "GET", `/v1/jobs/${id}`, undefined, 200).body;
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    held(told, "GET", `/v1/jobs/${id}/report`, undefined, 200);
    held(told, "GET", "/v1/jobs", undefined, 200);
    held(told, "DELETE", "/v1/server", undefined, 200);
    for (const what of ["servers", "summary", "vms", "audit"]) held(told, "GET", `/v1/${what}`, undefined, 200);
});
