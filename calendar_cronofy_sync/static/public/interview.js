/**
 * Shows the times in the reader's own zone, once: where no zone was chosen and the
 * browser knows one that the list holds, the page is loaded again in that zone.
 * Without this script the zone is chosen from the list.
 */
document.addEventListener("DOMContentLoaded", function () {
    "use strict";
    const form = document.querySelector("form[data-zone]");
    if (
        !form ||
        form.dataset.chosen ||
        new URLSearchParams(location.search).has("tz")
    ) {
        return;
    }
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const select = form.elements.tz;
    const known = [...select.options].some((option) => option.value === own);
    if (known && select.value !== own && !document.querySelector("[role=alert]")) {
        const query = new URLSearchParams(location.search);
        query.set("tz", own);
        location.replace(`${location.pathname}?${query}`);
    }
});
