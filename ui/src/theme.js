/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dark mode as Cockpit's: its choice lies in localStorage "shell:style" ("dark", "light" or "auto"), and a change is
 * told by a "cockpit-style" event in this window, or by a storage event from the shell's. */

export function isDark(style, systemIsDark) {
    return style === "dark" || (style !== "light" && systemIsDark);
}

export function followTheme() {
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const apply = style => {
        const dark = isDark(style ?? localStorage.getItem("shell:style") ?? "auto", system.matches);
        document.documentElement.classList.toggle("pf-v5-theme-dark", dark);
        document.documentElement.style.colorScheme = dark ? "dark" : "light";
    };
    window.addEventListener("storage", event => event.key === "shell:style" && apply());
    window.addEventListener("cockpit-style", event => apply(event.detail.style));
    system.addEventListener("change", () => apply());
    apply();
}
