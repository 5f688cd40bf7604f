// Makes quicker what works without it: forms sent in the background, the question before deleting as a dialog, a change
// that turns from "on its way" to "live" by itself, and single keys.
"use strict";

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
  const action = (submitter && submitter.getAttribute("formaction")) || form.getAttribute("action");
  const answer = await fetchPage(action, { method: "POST", body });
  if (!answer.page.querySelector("main") || new URL(answer.response.url).pathname.endsWith("/login")) {
    location.assign(answer.response.url);
    return;
  }
  const question = answer.page.querySelector("[data-dialog-content]");
  if (question && !form.closest("main > [data-dialog-content]")) {
    delete form.dataset.sending;
    if (submitter) submitter.removeAttribute("aria-busy");
    openQuestion(question, submitter);
    return;
  }
  const opener = form.closest("dialog")?.opener || submitter;
  show(answer, opener && opener.id);
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
