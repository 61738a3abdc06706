/* SPDX-License-Identifier: GPL-3.0-or-later */
/* As much of Cockpit's library as the modules need that are tested without a browser. */
globalThis.cockpit = {
    language: "en",
    gettext: (context, message) => message ?? context,
    ngettext: (one, many, n) => (n === 1 ? one : many),
    format: (template, ...values) => template.replace(/\$(\d)/g, (_all, i) => String(values[i])),
};
