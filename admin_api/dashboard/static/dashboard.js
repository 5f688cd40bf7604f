// Makes quicker what works without it: forms sent in the background, the question before deleting as a dialog, a change
// that turns from "on its way" to "live" by itself, and single keys.
"use strict";

const KEYS = "byname-keys"; // in the browser's own storage: "off" switches single keys off

async function fetchPage(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options });
  if (!(response.headers.get("Content-Type") || "").startsWith("text/html")) throw new Error("not a page");
  return { page: new DOMParser().parseFromString(await response.text(), "text/html"), response };
}

// Put another page's content in the place of this one's, without moving it under the reader's eyes.
function show({ page, response }, focusId) {
  document.querySelectorAll("dialog").forEach((dialog) => dialog.remove());
  document.title = page.title;
  const main = document.adoptNode(page.querySelector("main"));
  const first = takeAutofocus(main);
  document.querySelector("main").replaceWith(main);
  history.replaceState(null, "", response.url);
  prepare();
  const wanted = main.querySelector("[aria-invalid]") || (focusId && document.getElementById(focusId));
  (wanted || first || main).focus({ preventScroll: true });
}

// Return what wants the focus, without the attribute: a browser heeds it once in a document, and complains afterwards.
function takeAutofocus(content) {
  const found = content.querySelector("[autofocus]");
  if (found) found.removeAttribute("autofocus");
  return found;
}

async function sendQuickly(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  if (submitter) submitter.setAttribute("aria-busy", "true");
  const answer = await fetchPage(form.getAttribute("action"), { method: "POST", body });
  if (!answer.page.querySelector("main") || new URL(answer.response.url).pathname.endsWith("/login")) {
    location.assign(answer.response.url);
    return;
  }
  show(answer, submitter && submitter.id);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-quick]") || form.dataset.sending) {
    if (form.dataset.sending) event.preventDefault();
    return;
  }
  event.preventDefault();
  form.dataset.sending = "yes";
  sendQuickly(form, event.submitter).catch(() => failed(form, event.submitter));
});

// What was typed stays where it is.
function failed(form, submitter) {
  delete form.dataset.sending;
  if (submitter) submitter.removeAttribute("aria-busy");
  form.querySelectorAll(".unsent").forEach((note) => note.remove());
  const note = document.createElement("p");
  note.className = "wrong unsent";
  note.setAttribute("role", "alert");
  note.textContent = "The server did not answer. Try again.";
  form.append(note);
}

async function openDialog(link) {
  const { page } = await fetchPage(link.href);
  const content = page.querySelector("[data-dialog-content]");
  if (!content) throw new Error("no question");
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", content.querySelector("h1").id);
  const first = takeAutofocus(content);
  dialog.append(document.adoptNode(content));
  dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
  document.querySelector("main").append(dialog);
  dialog.showModal();
  first.focus();
}

document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
  const link = event.target.closest("a[data-dialog]");
  const cancel = event.target.closest("dialog [data-cancel]");
  const copy = event.target.closest("[data-copy]");
  if (link && plain) {
    event.preventDefault();
    openDialog(link).catch(() => location.assign(link.href));
  } else if (cancel && plain) {
    event.preventDefault();
    cancel.closest("dialog").close();
  } else if (copy) {
    navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.firstChild.data = "Copied"; }, () => {});
  } else if (!event.target.closest(".menu")) {
    document.querySelectorAll(".menu[open]").forEach((menu) => menu.removeAttribute("open"));
  }
});

// Ask until the mail server knows the change. Only the words are replaced: something may be typed beside them.
async function watch() {
  const pending = document.querySelector("[data-pending]");
  if (!pending) return;
  await new Promise((done) => setTimeout(done, 1000));
  if (!pending.isConnected) return;
  try {
    const found = (await fetchPage(location.href)).page.getElementById("progress");
    if (found && pending.isConnected && !found.matches("[data-pending]")) pending.replaceWith(document.adoptNode(found));
  } catch { /* asked again */ }
  watch();
}

function typing(element) {
  return element.closest("input:not([type=checkbox]), select, textarea, dialog") !== null;
}

function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keys");
  dialog.innerHTML = `<section class="card"><h1>Keys</h1><dl><dt><kbd>/</kbd></dt><dd>search</dd><dt><kbd>n</kbd></dt>
    <dd>New Alias</dd><dt><kbd>Esc</kbd></dt><dd>close</dd><dt><kbd>?</kbd></dt><dd>this list</dd></dl>
    <label class="check"><input type="checkbox"> Single keys switched on</label>
    <form method="dialog" class="choices"><button>Close</button></form></section>`;
  const box = dialog.querySelector("input");
  box.checked = localStorage.getItem(KEYS) !== "off";
  box.addEventListener("change", () => localStorage.setItem(KEYS, box.checked ? "on" : "off"));
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("main").append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll(".menu[open]").forEach((menu) => menu.removeAttribute("open"));
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "?") showKeys();
  if (localStorage.getItem(KEYS) === "off") return;
  const search = document.getElementById("search");
  const form = document.getElementById("new");
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "n" && form) {
    event.preventDefault();
    form.open = true;
    document.getElementById("local_part").focus();
  }
});

document.addEventListener("toggle", (event) => {
  if (event.target.id === "new" && event.target.open) document.getElementById("local_part").focus({ preventScroll: true });
}, true);

function prepare() {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
  watch();
}

prepare();
