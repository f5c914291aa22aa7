// All searches, narrowed by filters.

import { explain, request } from "./api.js";
import { byId, el, notice } from "./dom.js";
import { filters } from "./filters.js";
import { searchList } from "./searchlist.js";

const list = searchList(byId("searches"), {
  withData: true,
  empty: () => (location.search ? "No search is like that." : ["No searches yet. ", el("a", { href: "/new" }, "Start the first one.")]),
});

async function offerDatasets() {
  const { items } = await request("/v1/datasets?limit=200");
  const select = byId("dataset_id");
  for (const { id, name } of items) {
    const there = [...select.options].find((option) => option.value === id); // put there by the address, without its name
    if (there) there.text = name;
    else select.append(new Option(name, id));
  }
}

filters(byId("filters"), (asked) => list.load(`/v1/searches?${asked}`));
offerDatasets().catch((error) => notice(byId("notice"), explain(error)));
