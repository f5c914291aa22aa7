// The HTTP API of the service. Where keys are configured the page asks for one and keeps it for this tab only.

import { el } from "./dom.js";

const STORE = "erlangen.key";

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
  }
}

// What went wrong in words, with the fields that the service names.
export function explain(error) {
  const named = (error.errors ?? []).map((item) => [item.pointer, item.detail].filter(Boolean).join(": "));
  return [...(named.some((text) => text.includes(error.message)) ? [] : [error.message]), ...named].join(" ");
}

function authorization() {
  const key = sessionStorage.getItem(STORE);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

let asking = null;

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const input = el("input", { id: "api-key", type: "password", autocomplete: "off", required: true, spellcheck: "false", pattern: "[ -~]+", title: "Letters, digits and signs without accents" });
    const dialog = el(
      "dialog",
      { class: "dialog key-dialog", "aria-labelledby": "key-title" },
      el(
        "form",
        { method: "dialog" },
        el("h2", { id: "key-title" }, "This service needs a key"),
        el("p", {}, wrong ? "That key was not accepted. Try another one." : "Enter an API key. It is kept in this tab and forgotten when the tab closes."),
        el("label", { for: "api-key" }, "API key"),
        input,
        el("button", { class: "primary", type: "submit" }, "Continue"),
      ),
    );
    dialog.addEventListener("close", () => {
      const given = input.validity.valid; // what cannot stand in a header would make every later request fail
      if (given) sessionStorage.setItem(STORE, input.value.trim());
      dialog.remove();
      asking = null;
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { title: response.statusText };
  }
}

async function authorized(send) {
  for (;;) {
    const sent = sessionStorage.getItem(STORE);
    const response = await send();
    if (response.status !== 401) return response;
    // Another request may have asked for a new key meanwhile: use that one first.
    if (sessionStorage.getItem(STORE) === sent && !(await askForKey(sent !== null))) return response;
  }
}

async function answer(path, { method = "GET", json, signal, headers = {} } = {}) {
  const body = json === undefined ? undefined : JSON.stringify(json);
  const send = () =>
    fetch(path, {
      method,
      body,
      signal,
      cache: "no-store",
      headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}), ...headers, ...authorization() },
    });
  const response = await authorized(send);
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response;
}

export async function request(path, options) {
  const response = await answer(path, options);
  return response.status === 204 ? null : response.json();
}

// Upload with progress, which fetch cannot report. onprogress receives bytes sent and bytes in all.
// Resolves to {body, created}: whether the upload made what it answers with; rejects with an AbortError when stopped.
export function upload(path, form, onprogress, signal) {
  const once = () =>
    new Promise((resolve, reject) => {
      const call = new XMLHttpRequest();
      signal.addEventListener("abort", () => call.abort());
      call.addEventListener("abort", () => reject(new DOMException("The upload was stopped.", "AbortError")));
      call.open("POST", path);
      call.setRequestHeader("Accept", "application/json");
      for (const [name, value] of Object.entries(authorization())) call.setRequestHeader(name, value);
      call.upload.addEventListener("progress", (event) => event.lengthComputable && onprogress(event.loaded, event.total));
      call.addEventListener("error", () => reject(new ApiError(0, { detail: "The connection to the service was lost." })));
      call.addEventListener("load", () => resolve(new Response(call.responseText, { status: call.status })));
      call.send(form);
    });
  return authorized(once).then(async (response) => {
    if (!response.ok) throw new ApiError(response.status, await problemOf(response));
    return { body: await response.json(), created: response.status === 201 };
  });
}

// One event stream as text: the fields of the server-sent events format that this service uses.
async function* readEvents(stream) {
  let buffer = "";
  let event = { kind: "message", data: [], id: null };
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    buffer += read.value;
    const lines = buffer.split(/\r\n|\n|\r(?!$)/);
    buffer = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) yield { ...event, data: event.data.join("\n") };
        event = { kind: "message", data: [], id: null };
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "event") event.kind = value;
      else if (field === "data") event.data.push(value);
      else if (field === "id") event.id = value;
    }
  }
}

// Follow a search's events until `signal` aborts; a lost connection resumes after the last event seen.
// EventSource cannot send an Authorization header, hence fetch.
export async function follow(path, onevent, signal) {
  let last = null;
  let pause = 500;
  while (!signal.aborted) {
    try {
      const response = await authorized(() =>
        fetch(path, { cache: "no-store", signal, headers: { Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}), ...authorization() } }),
      );
      if (response.status >= 400 && response.status < 500) return;
      if (response.ok) {
        for await (const event of readEvents(response.body)) {
          last = event.id ?? last;
          pause = 500;
          onevent(event.kind, JSON.parse(event.data));
          if (signal.aborted) return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 10000);
  }
}

function save(blob, filename) {
  const link = el("a", { href: URL.createObjectURL(blob), download: filename });
  link.click();
  URL.revokeObjectURL(link.href);
}

// A link to raw JSON. With a key a plain navigation would be refused, so the file is fetched and saved.
export function jsonLink(path, text, filename) {
  const open = async (event) => {
    if (!sessionStorage.getItem(STORE)) return;
    event.preventDefault();
    save(new Blob([JSON.stringify(await request(path), null, 2)], { type: "application/json" }), filename);
  };
  return el("a", { href: path, onclick: open }, text);
}

// A link to a page of the API: opened, or with a key, which a navigation cannot carry, saved as a file.
export function pageLink(path, text, filename, onerror) {
  return sessionStorage.getItem(STORE) ? fileLink(path, text, filename, onerror) : el("a", { href: path }, text);
}

// A link to a file, fetched and saved, so that onerror receives what a plain navigation would show as a page.
export function fileLink(path, text, filename, onerror) {
  const open = async (event) => {
    event.preventDefault();
    try {
      save(await (await answer(path)).blob(), filename);
    } catch (error) {
      onerror(error);
    }
  };
  return el("a", { href: path, download: filename, onclick: open }, text);
}
