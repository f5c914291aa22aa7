// Everything to take along: report, tables, JSON, and the best candidate's network.

import { fileLink, jsonLink, pageLink } from "./api.js";
import { el } from "./dom.js";
import { modelLinks } from "./network.js";

const PARTS = [["", "search"], ["/ranking", "ranking"], ["/elements", "elements"], ["/lattice", "lattice"], ["/curves", "curves"], ["/evidence", "evidence"], ["/gallery", "gallery"]];

// base: address of the search; best: its first candidate's row, if it is ranked; say(error) shows what went wrong.
export function downloads(base, id, best, say) {
  const line = (name, links) => (links.length ? el("div", {}, el("dt", {}, name), el("dd", { class: "links" }, links)) : null);
  const table = (part) => fileLink(`${base}/${part}?format=csv`, `${part} as CSV`, `${id}-${part}.csv`, say);
  return el(
    "dl",
    { class: "downloads" },
    best ? line("To print or cite", [pageLink(`${base}/report`, "report to print or keep", `${id}.html`, say)]) : null,
    best ? line(`Network of ${best.name}`, modelLinks(best, say)) : null,
    line("Tables", ["ranking", "elements"].map(table)),
    line("JSON", PARTS.map(([path, name]) => jsonLink(`${base}${path}`, `${name} as JSON`, `${id}${path.replace("/", "-")}.json`))),
  );
}
