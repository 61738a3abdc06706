/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cockpit's own library: a script that index.html loads before ours. */
const cockpit = globalThis.cockpit;

export default cockpit;
export const _ = message => cockpit.gettext(message);
export const _c = (context, message) => cockpit.gettext(context, message);
export const ngettext = (one, many, n) => cockpit.ngettext(one, many, n);
export const format = (template, ...values) => cockpit.format(template, ...values);
