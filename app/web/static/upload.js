// Sending a file: dropped or chosen, with the bytes that are out, a way to stop, and a way to have it read differently.

import { explain, request, upload } from "./api.js";
import { progressBar } from "./bars.js";
import { el, notice, show } from "./dom.js";
import { bytes, percent } from "./format.js";
import { previewPanel } from "./preview.js";
import { datasetFacts, readingForm } from "./recognised.js";

const ACCEPT = ".npz,.csv,.parquet,.zip";

// frame: where it stands; onsent: called with a data set that was accepted, and after one was taken back.
export function uploader(frame, onsent) {
  const input = el("input", { id: "file", type: "file", accept: ACCEPT, class: "sr" });
  const zone = el(
    "label",
    { class: "drop", for: "file" },
    el("strong", {}, "Drop a file here, or choose one"),
    el("span", { class: "quiet" }, "npz with x and y, csv, parquet, or a zip of images in one folder per class"),
  );
  const sending = el("div", { class: "sending", hidden: true });
  const failed = el("div", { id: "upload-error", role: "alert" });
  const again = el("div", { id: "upload-again" });
  const result = el("section", { id: "upload-result", "aria-label": "What was recognised", tabindex: "-1" });
  let file = null;
  let made = null; // the data set that this file made last: another reading takes its place

  async function send(options) {
    const stop = new AbortController();
    const line = el("p", { role: "status", class: "numbers-line" });
    const track = el("div");
    const cancel = el("button", { type: "button", onclick: () => stop.abort() }, "Stop sending");
    sending.replaceChildren(el("p", {}, el("strong", {}, file.name), ` ${bytes(file.size)}`), track, line, cancel);
    let out = false; // whether all bytes are
    const told = (sent, all) => {
      out = sent >= all;
      track.replaceChildren(progressBar(sent / all, "Sent"));
      line.textContent = sent < all ? `${bytes(sent)} of ${bytes(all)} sent, ${percent(sent / all)}` : "Sent. Reading and checking the data …";
    };
    told(0, Math.max(file.size, 1));
    show(sending, true);
    show(zone, false);
    notice(failed, "");
    again.replaceChildren();
    result.replaceChildren();
    const form = new FormData();
    for (const [name, value] of Object.entries(options)) form.set(name, value);
    form.set("file", file, file.name);
    try {
      const { body, created } = await upload("/v1/datasets", form, told, stop.signal);
      await replace(created ? body.id : null, body.id);
      await accepted(body);
    } catch (error) {
      refused(error, options, out);
    } finally {
      show(sending, false);
      show(zone, true);
    }
  }

  // The same file read anew is another data set; the one that was misread is of no use any more.
  async function replace(id, now) {
    const before = made;
    made = id;
    if (before && before !== now) await request(`/v1/datasets/${encodeURIComponent(before)}`, { method: "DELETE" }).catch(() => null);
  }

  async function accepted(dataset) {
    const look = el("div", { class: "look" });
    const where = encodeURIComponent(dataset.id);
    result.replaceChildren(
      el("h3", {}, `${dataset.name}: what was recognised`),
      ...datasetFacts(dataset),
      look,
      el("p", { class: "next" }, el("a", { class: "button primary", href: `/new?dataset=${where}` }, "Search for its symmetry"), el("a", { class: "button", href: `/datasets/${where}` }, "Open its page")),
      el("details", {}, el("summary", {}, "Something is wrong: read it differently"), readingForm("Read the same file again", send, { domain: dataset.domain, task: dataset.task })),
    );
    result.focus({ preventScroll: true });
    result.scrollIntoView({ block: "nearest" });
    onsent(dataset);
    try {
      look.replaceChildren(...previewPanel(await request(`/v1/datasets/${where}/preview`)));
    } catch (error) {
      notice(failed, explain(error));
    }
  }

  function refused(error, options, out) {
    if (error.name === "AbortError") {
      notice(failed, out ? "The file was sent already: if it can be read, it will stand in the list." : "Nothing was kept: the upload was stopped.", "warning");
      return;
    }
    notice(failed, explain(error));
    if (!error.status || error.status === 401) return;
    const form = readingForm("Send it again", send, options);
    again.replaceChildren(el("p", { class: "quiet" }, "If it was misunderstood, say how to read it:"), form);
    // The service names the field that is wrong, or missing.
    const field = error.errors?.map((item) => form.elements[item.pointer.split("/")[1]]).find(Boolean);
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
  }

  const take = (chosen) => {
    if (!chosen) return;
    file = chosen;
    made = null;
    send({});
  };
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // choosing the same file again is a change, too
  });
  let over = 0;
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      over = { dragenter: over + 1, dragover: over, dragleave: over - 1, drop: 0 }[kind];
      zone.classList.toggle("drop-over", over > 0);
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  }
  frame.replaceChildren(input, zone, sending, failed, again, result);
}
